//! The envelope, the eight payloads, validation and ids. Knows no other room.
