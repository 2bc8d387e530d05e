//! `config.toml`: what the user may set, its defaults and its limits.
