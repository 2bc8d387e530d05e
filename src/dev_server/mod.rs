//! The embedded reference server for the published contract.
