"""Checks of SOLE event messages and security audit messages, alone and as a stream, by ``tables/sole_rules.csv``.

A message is a syslog message (RFC 5424) with a DICOM audit message in it, or a bare audit message. The parser is this
package's own. A message that is not what it should be at all is one finding.
"""

from conformance.sole.checking import check_files, check_message, check_stream

__all__ = ["check_files", "check_message", "check_stream"]
