//! fcu.yml: the configuration file of the old tool, read as its users have it (injection 15.2).

pub mod product;
