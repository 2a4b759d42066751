//! A registration and its answer, for the interface's description alone.

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// What a device sends. Other members are ignored.
#[derive(ToSchema)]
#[schema(as = Registration)]
#[expect(dead_code, reason = "describes the body for OpenAPI; `members` reads it")]
pub(crate) struct Request {
    /// A PKCS#10 request, PEM: one CN, the UUID; one OU, the factory; `businessCategory=production`
    /// where the device is one of production.
    csr: String,
    /// What the device is.
    #[schema(rename = "hardware-id", max_length = 128)]
    hardware_id: String,
    /// Where the device keeps its files.
    #[schema(rename = "sota-config-dir", max_length = 255, default = "/var/sota")]
    sota_config_dir: Option<String>,
    /// What the platform is to call it.
    #[schema(max_length = 128)]
    name: Option<String>,
    /// Keys of sota.toml by section, of those the station lets devices set. Values are TOML; null or
    /// nothing unsets one.
    overrides: Option<BTreeMap<String, BTreeMap<String, Option<String>>>>,
}

/// What a device becomes: it makes a file of each member.
#[derive(ToSchema)]
#[schema(as = Registered)]
#[expect(dead_code, reason = "describes the body for OpenAPI; `answer` makes it")]
pub(crate) struct Registered {
    /// The device's certificate and its CA's.
    #[schema(rename = "client.chained")]
    client_chained: String,
    /// The device's certificate.
    #[schema(rename = "client.pem")]
    client_pem: String,
    /// The factory's root.
    #[schema(rename = "root.crt")]
    root_crt: String,
    /// The device's configuration.
    #[schema(rename = "sota.toml")]
    sota_toml: String,
}
