// How OHIF runs here (docs/viewer.md). Results are previewed with the engine's values, never turned into measurements of
// the viewer's own, so tours, prompts and editing are off.
window.config = {
  name: 'stepwell',
  routerBasename: '/ohif',
  extensions: [],
  modes: [],
  customizationService: [
    {
      'ohif.tours': { $set: [] },
      'panelMeasurement.disableEditing': { $set: true },
    },
  ],
  showStudyList: true,
  maxNumberOfWebWorkers: 2,
  showWarningMessageForCrossOrigin: false,
  showCPUFallbackMessage: false,
  strictZSpacingForVolumeViewport: true,
  groupEnabledModesFirst: true,
  disableConfirmationPrompts: true,
  measurementTrackingMode: 'simplified',
  showErrorDetails: 'always',
  defaultDataSourceName: 'archive',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'archive',
      configuration: {
        friendlyName: 'The archive of Stepwell',
        name: 'archive',
        qidoRoot: '/viewer-dicom-web',
        wadoRoot: '/viewer-dicom-web',
        wadoUriRoot: '/viewer-dicom-web',
        qidoSupportsIncludeField: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        imageRendering: 'wadors',
        thumbnailRendering: 'wadors',
        enableStudyLazyLoad: true,
        omitQuotationForMultipartRequest: true,
        // Frames one by one: OHIF reads the bits of a 1-bit object in the wrong order when it gets the whole file.
        loadMultiframeAsPart10: false,
        bulkDataURI: { enabled: true },
      },
    },
  ],
};
