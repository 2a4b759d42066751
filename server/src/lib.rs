//! The identity station for production lines.

pub mod config;
pub mod init;
