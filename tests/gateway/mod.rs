//! The gateway's own side of provisioning: before and after the injection.

mod install;
mod machine;
mod ready;
mod script;
mod selftest;
