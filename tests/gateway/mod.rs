//! The gateway's own side of provisioning: before and after the injection.

mod install;
mod machine;
mod selftest;
