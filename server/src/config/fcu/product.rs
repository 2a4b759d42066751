//! What fcu.yml says, checked: what every unit of this product is given.
//!
//! Plain values only. How they become a bundle is the injection front end's business.

use std::fmt;

use zeroize::Zeroizing;

/// Everything that all units of one product have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The server the device turns to first.
    pub mode: Mode,
    /// Whether clock, time zone and UTC offset are sent.
    pub time_sync: bool,
    /// Whether the device checks what it was given (`Verify`).
    pub verify_on_device: bool,
    /// Who makes the device's key.
    pub key_mode: KeyMode,
    /// Who supplies the device's entropy.
    pub entropy: Entropy,
    /// Update certificate, DER.
    pub update: Option<Vec<u8>>,
    /// Vendor UUID, 16 bytes as on the wire.
    pub vendor_id: Option<[u8; 16]>,
    /// Device class UUID, 16 bytes as on the wire.
    pub class_id: Option<[u8; 16]>,
    /// What the device is told about itself.
    pub device: Device,
    /// What stands in device certificates.
    pub certificate: CertificateFields,
    /// Certificates in the chain a device is given, its own included, 1 to 5.
    pub chain_depth: Option<u8>,
    /// Further items, in the order of the file.
    pub custom: Vec<CustomProperty>,
    /// Whether factory work ends with this injection (`Disable`).
    pub disable: bool,
}

impl Product {
    /// About how many bytes the largest message to a device has: custom properties, and room for
    /// everything else.
    pub fn message_size(&self) -> usize {
        const IDENTITY: usize = 64 << 10;
        self.custom.iter().map(|it| it.value.size() + it.name.len()).sum::<usize>() + IDENTITY
    }

    /// What development units get beside their identity: the product's, but with a bootstrap server
    /// of an account, one certificate, and factory work that stays open.
    #[must_use]
    pub fn for_developers(&self, uri: String, server_ca: Vec<u8>) -> Self {
        let entropy = match self.entropy {
            Entropy::Supplied => Entropy::ByDevice,
            other => other,
        };
        Self {
            mode: Mode::Bootstrap { uri, server_ca, first_to_claim: false },
            key_mode: KeyMode::Supplied,
            entropy,
            chain_depth: None,
            disable: false,
            ..self.clone()
        }
    }
}

/// The server the device turns to first (injection 10.1, 10.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// A bootstrap server, `mbed.UseBootstrap` 1.
    Bootstrap {
        /// Server URI; carries the account id unless the first to claim gets the device.
        uri: String,
        /// The server CA's certificate, DER.
        server_ca: Vec<u8>,
        /// Whether the device belongs to nobody until it is claimed.
        first_to_claim: bool,
    },
    /// A device management server directly, `mbed.UseBootstrap` 0.
    Lwm2m {
        /// Server URI; carries the account id, which is the OU of device certificates too.
        uri: String,
        /// The server CA's certificate, DER.
        server_ca: Vec<u8>,
    },
}

/// Who makes the device's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMode {
    /// The station makes it and injects it.
    ByTool,
    /// The device makes it and hands out a CSR.
    ByDevice,
    /// It was made elsewhere, certificate and all: `[supplied]`.
    Supplied,
}

/// Who supplies the device's entropy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entropy {
    /// The device; nothing is sent.
    ByDevice,
    /// The station sends 48 random bytes.
    ByTool,
    /// It was made elsewhere, with the key.
    Supplied,
}

/// `device-info` of fcu.yml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// `mbed.Manufacturer`.
    pub manufacturer: String,
    /// `mbed.ModelNumber`.
    pub model_number: String,
    /// `mbed.DeviceType`.
    pub device_type: String,
    /// `mbed.HardwareVersion`.
    pub hardware_version: String,
    /// `mbed.MemoryTotalKB`; the device keeps four bytes of it.
    pub memory_total_kb: u32,
    /// `mbed.Timezone`, a name of the tz database.
    pub timezone: String,
}

/// `device-certificate` of fcu.yml: the subject but for its CN, and the validity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateFields {
    /// `C`, two letters.
    pub country: Option<String>,
    /// `ST`.
    pub state: Option<String>,
    /// `L`; never set in LwM2M mode.
    pub locality: Option<String>,
    /// `O`.
    pub organization: Option<String>,
    /// `OU`; the account id in LwM2M mode.
    pub organizational_unit: Option<String>,
    /// How long certificates hold.
    pub validity: Validity,
}

/// How long device certificates hold, before it is cut to the CA's own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Validity {
    /// 25 years.
    #[default]
    Years25,
    /// So many days.
    Days(u32),
    /// No well-defined end: `99991231235959Z` (RFC 5280 4.1.2.5).
    Forever,
}

/// One of `custom-properties`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomProperty {
    /// The item's name on the device.
    pub name: String,
    /// What is stored under it.
    pub value: CustomValue,
}

/// What a custom property holds, already in the form that goes over the wire.
#[derive(Clone, PartialEq, Eq)]
pub enum CustomValue {
    /// One certificate, DER (`Certificates`).
    Certificate(Vec<u8>),
    /// Two to five certificates, DER, each signed by the next (`CertificateChains`).
    CertificateChain(Vec<Vec<u8>>),
    /// P-256 private key, SEC 1 DER with its public part (`Keys`, `ECCPrivate`).
    PrivateKey(Zeroizing<Vec<u8>>),
    /// P-256 public key, `SubjectPublicKeyInfo` DER of 91 bytes (`Keys`, `ECCPublic`).
    PublicKey(Vec<u8>),
    /// Text (`ConfigParams`).
    Text(String),
    /// Whole number (`ConfigParams`), one that eight bytes hold with a sign or without: made by
    /// [`CustomValue::integer`].
    Integer(i128),
    /// Bytes (`ConfigParams`).
    Bytes(Vec<u8>),
}

impl CustomValue {
    /// A whole number of at most 64 bits, with a sign or without; none for a larger one.
    pub fn integer(number: i128) -> Option<Self> {
        let fits = i64::try_from(number).is_ok() || u64::try_from(number).is_ok();
        fits.then_some(Self::Integer(number))
    }

    /// Bytes it takes in a bundle, without its name.
    pub fn size(&self) -> usize {
        match self {
            Self::Certificate(bytes) | Self::PublicKey(bytes) | Self::Bytes(bytes) => bytes.len(),
            Self::CertificateChain(chain) => chain.iter().map(Vec::len).sum(),
            Self::PrivateKey(key) => key.len(),
            Self::Text(text) => text.len(),
            Self::Integer(_) => 9,
        }
    }
}

impl fmt::Debug for CustomValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(der) => write!(f, "Certificate({} bytes)", der.len()),
            Self::CertificateChain(ders) => write!(f, "CertificateChain({} of them)", ders.len()),
            Self::PrivateKey(_) => write!(f, "PrivateKey"),
            Self::PublicKey(der) => write!(f, "PublicKey({} bytes)", der.len()),
            Self::Text(text) => write!(f, "Text({text:?})"),
            Self::Integer(number) => write!(f, "Integer({number})"),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
        }
    }
}
