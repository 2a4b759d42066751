//! A configuration that was read again, in the place of the one in use: what can change while the
//! station serves, and what waits for a restart.

use jiff::Timestamp;

use super::{Opened, authority, ends, examples, ledger, put_together, sign};
use crate::config::{self, Config, Fault, Faults, Warning};
use crate::front::{Current, Fronts, TlsContext};
use crate::station::Station;

/// What takes the place of what serves.
pub struct Renewal {
    /// The configuration, with what needs a restart as it was.
    pub config: Config,
    /// The station, on the same ledger, counting what runs.
    pub station: Station,
    /// Its front ends.
    pub fronts: Fronts,
    /// The TLS identity, where there is one.
    pub tls: Option<TlsContext>,
    /// What differs from what served before.
    pub changed: Vec<&'static str>,
    /// What differs and waits for a restart.
    pub restart: Vec<&'static str>,
}

/// Opens what `config` names, beside the station that serves by `in_use`. Changes nothing.
///
/// # Errors
/// [`Faults`] of TLS and CAs, all at once.
pub fn renew(
    mut config: Config,
    in_use: &Config,
    serving: &Current,
) -> Result<(Renewal, Vec<Warning>), Faults> {
    let restart = keep(&mut config, in_use);
    let now = Timestamp::now();
    let mut faults: Vec<Fault> = Vec::new();
    let tls = config.http.tls.as_ref();
    let tls = tls.map(|tls| TlsContext::read(&tls.certificate, &tls.key));
    let tls = tls.transpose().map_err(|why| faults.push(super::unfit_tls(&why))).ok().flatten();
    let (authority, mut warnings) = authority(&config, now);
    let authority = authority.map_err(|found| faults.extend(found)).ok();
    let examples = examples::look(&config.judged());
    faults.extend(examples.faults);
    warnings.extend(examples.warnings);
    let factories = sign::open(&config.sign, now, &mut faults, &mut warnings);
    let Some(authority) = authority.filter(|_| faults.is_empty()) else {
        return Err(Faults { faults, warnings });
    };
    let running = serving.station();
    let mut changed = differences(&config, in_use);
    if authority.chain() != running.authority().chain() {
        changed.push("the CA");
    }
    if let Some(tls) = &config.http.tls {
        ends::record_tls_end(&tls.certificate);
    }
    let (store, disk) = (running.store(), ledger::disk(&config));
    let opened = Opened { authority, store, disk, factories, warnings: Vec::new() };
    let assembly = put_together(config.clone(), opened);
    let station = running.with_parts_of(assembly.station);
    let mut fronts = assembly.fronts;
    fronts.desk.take_over(&serving.desk());
    Ok((Renewal { config, station, fronts, tls, changed, restart }, warnings))
}

/// Puts back what needs a restart, and names what had changed of it.
fn keep(config: &mut Config, in_use: &Config) -> Vec<&'static str> {
    let mut changed = Vec::new();
    {
        let mut hold = |key, differs: bool| {
            if differs {
                changed.push(key);
            }
        };
        let (new, old) = (&*config, in_use);
        hold("[station] name", new.name != old.name);
        hold("[http] listen", new.http.listen != old.http.listen);
        hold("[http] workers", new.http.workers != old.http.workers);
        hold("[http] body_limit", new.http.body_limit != old.http.body_limit);
        hold("[http] query_limit", new.http.query_limit != old.http.query_limit);
        hold("[http] header_limit", new.http.header_limit != old.http.header_limit);
        hold("[http] certificate", new.http.tls.is_some() != old.http.tls.is_some());
        hold("[sign] listen", new.sign.listen != old.sign.listen);
        hold("[injection] at_once", new.injection.at_once != old.injection.at_once);
        hold("[injection] queued", new.injection.queued != old.injection.queued);
        hold("[journal] enabled", new.journal.enabled != old.journal.enabled);
        hold("[journal] path", new.journal.path != old.journal.path);
        hold("[journal] rotate_at", new.journal.rotate_at != old.journal.rotate_at);
        hold("[log] format", new.log.format != old.log.format);
        store(&new.store, &old.store, &mut hold);
    }
    config.name.clone_from(&in_use.name);
    let open = config.http.open_verification_keys;
    let tls = config.http.tls.take();
    config.http = in_use.http.clone();
    config.http.open_verification_keys = open;
    // From TLS to none or back is another listener; other files are not.
    if let (Some(_), Some(tls)) = (&config.http.tls, tls) {
        config.http.tls = Some(tls);
    }
    config.sign.listen.clone_from(&in_use.sign.listen);
    config.injection.at_once = in_use.injection.at_once;
    config.injection.queued = in_use.injection.queued;
    config.journal = in_use.journal.clone();
    config.log.format = in_use.log.format;
    config.store = kept_store(&config.store, &in_use.store);
    changed
}

/// Which keys of `[store]` differ that only a restart can follow.
fn store(new: &config::Store, old: &config::Store, hold: &mut impl FnMut(&'static str, bool)) {
    use config::Store::{Embedded, MongoDb};
    match (new, old) {
        (Embedded { path: new, .. }, Embedded { path: old, .. }) => {
            hold("[store] path", new != old);
        }
        (MongoDb(new), MongoDb(old)) => {
            hold("[store] uri", new.uri != old.uri);
            hold("[store] database", new.database != old.database);
            hold("[store] username", new.username != old.username);
            hold("[store] password_file", new.password != old.password);
            hold("[store] tls_ca_file", new.tls_ca_file != old.tls_ca_file);
            let client = |it: &config::MongoDb| it.tls_certificate_key_file.clone();
            hold("[store] tls_certificate_key_file", client(new) != client(old));
            hold("[store] timeout", new.timeout != old.timeout);
        }
        _ => hold("[store] kind", true),
    }
}

/// The store in use, with the room that shall stay free as it is wanted now.
fn kept_store(new: &config::Store, old: &config::Store) -> config::Store {
    use config::Store::{Embedded, MongoDb};
    let mut kept = old.clone();
    match (&mut kept, new) {
        (Embedded { min_free: kept, .. }, Embedded { min_free, .. }) => *kept = *min_free,
        (MongoDb(kept), MongoDb(new)) => kept.min_free = new.min_free,
        _ => {}
    }
    kept
}

/// What differs of two configurations that need no restart between them.
fn differences(new: &Config, old: &Config) -> Vec<&'static str> {
    let all = [
        ("the operators' tokens", new.operators != old.operators),
        ("[http]", new.http != old.http),
        ("[injection]", new.injection != old.injection),
        ("[store] min_free", new.store != old.store),
        ("fcu.yml", new.product != old.product),
        ("[admission]", new.admission != old.admission),
        ("[developer]", new.developer != old.developer),
        ("[supplied]", new.supplied != old.supplied),
        ("[sign]", new.sign != old.sign),
        ("[discovery]", new.discovery != old.discovery),
        ("[log] level", new.log.level != old.log.level),
    ];
    all.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}
