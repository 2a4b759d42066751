//! The life of the service: read again while it serves, watched by whoever started it, asked how it
//! is.

mod numbers;
mod reload;
mod status;
mod supervised;
mod tls;
