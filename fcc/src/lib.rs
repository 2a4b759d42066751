//! The factory injection protocol: how a station puts an identity into a gateway that runs the
//! Factory Configurator Client.
//!
//! The core is bytes in, bytes out: [`frame`], [`bundle`] and [`reply`] say what goes over the
//! wire, [`injector`] is the station's side and [`device`] the device's, as state machines. Only
//! [`session`], [`serve`] and [`line`] know of sockets, lines and timers. Nothing here decides whether a unit may
//! have an identity or what its certificate says; that is the station's business.
//!
//! Section numbers in comments ("injection 5.2") are those of docs/protocols/injection.md.

pub mod bundle;
pub mod device;
pub mod frame;
pub mod injector;
#[cfg(feature = "serial")]
pub mod line;
pub mod names;
pub mod reply;
pub mod serve;
pub mod session;
pub mod status;
pub mod subject;
