//! The admin listener: the JSON API over the running tee.
