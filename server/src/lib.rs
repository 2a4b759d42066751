//! The identity station for production lines.
