-- The order store as it was before orders became folds over events.
CREATE TABLE message (
  number INTEGER NOT NULL,
  sender VARCHAR NOT NULL,
  control_id VARCHAR NOT NULL,
  kind VARCHAR NOT NULL,
  content_hash VARCHAR NOT NULL,
  content BLOB NOT NULL,
  peer VARCHAR NOT NULL,
  received_at VARCHAR NOT NULL,
  answer_code VARCHAR NOT NULL,
  answer BLOB NOT NULL,
  reason VARCHAR NOT NULL,
  note VARCHAR NOT NULL,
  PRIMARY KEY (number)
);
CREATE INDEX ix_message_sender ON message (sender);
CREATE INDEX ix_message_control_id ON message (control_id);
CREATE TABLE imaging_order (
  number INTEGER NOT NULL,
  "key" VARCHAR NOT NULL,
  placer VARCHAR NOT NULL,
  filler VARCHAR NOT NULL,
  accession VARCHAR NOT NULL,
  study_uid VARCHAR NOT NULL,
  patient_id VARCHAR NOT NULL,
  content VARCHAR NOT NULL,
  content_hash VARCHAR NOT NULL,
  complete BOOLEAN NOT NULL,
  state VARCHAR NOT NULL,
  explanation VARCHAR NOT NULL,
  event_time VARCHAR NOT NULL,
  message_number INTEGER NOT NULL,
  received_at VARCHAR NOT NULL,
  updated_at VARCHAR NOT NULL,
  images_complete_at VARCHAR NOT NULL,
  images_reported_at VARCHAR NOT NULL,
  image_count INTEGER NOT NULL,
  PRIMARY KEY (number)
);
CREATE INDEX ix_imaging_order_placer ON imaging_order (placer);
CREATE INDEX ix_imaging_order_study_uid ON imaging_order (study_uid);
CREATE INDEX ix_imaging_order_filler ON imaging_order (filler);
CREATE INDEX ix_imaging_order_state ON imaging_order (state, images_complete_at);
CREATE INDEX ix_imaging_order_accession ON imaging_order (accession);
CREATE TABLE order_message (
  number INTEGER NOT NULL,
  order_number INTEGER NOT NULL,
  message_number INTEGER NOT NULL,
  control VARCHAR NOT NULL,
  effect VARCHAR NOT NULL,
  reported_at VARCHAR NOT NULL,
  PRIMARY KEY (number)
);
CREATE INDEX ix_order_message_message_number ON order_message (message_number);
CREATE INDEX ix_order_message_reported_at ON order_message (reported_at);
CREATE INDEX ix_order_message_order_number ON order_message (order_number);
CREATE TABLE workitem (
  uid VARCHAR NOT NULL,
  order_number INTEGER NOT NULL,
  study_uid VARCHAR NOT NULL,
  rule VARCHAR NOT NULL,
  content VARCHAR NOT NULL,
  state VARCHAR NOT NULL,
  explanation VARCHAR NOT NULL,
  planned_at VARCHAR NOT NULL,
  created_at VARCHAR NOT NULL,
  cancel_wanted BOOLEAN NOT NULL,
  cancel_reason VARCHAR NOT NULL,
  cancel_outcome VARCHAR NOT NULL,
  PRIMARY KEY (uid)
);
CREATE INDEX ix_workitem_state ON workitem (state);
CREATE INDEX ix_workitem_order_number ON workitem (order_number);
PRAGMA user_version = 1;
