//! Credentials, login, refresh.
