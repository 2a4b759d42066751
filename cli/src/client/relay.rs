//! A WebSocket to the station (RFC 6455), over the same connection, TLS and token as every request.

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{StatusCode, Upgraded};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{Ask, Client, Wait, not_a_station};
use crate::failure::{Failure, Kind};

/// The open WebSocket.
pub type Relay = WebSocketStream<Upgraded>;

impl Client {
    /// How long an answer may take.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// Open a WebSocket at a route. A station that refuses says so as it refuses any request.
    ///
    /// Fails as [`Client::ask`] does.
    pub async fn relay(&self, ask: &Ask<'_>, deadline: Instant) -> Result<Relay, Failure> {
        let started = Instant::now();
        self.see_who_answers(deadline).await?;
        let key = generate_key();
        let headers: [(HeaderName, &str); 5] = [
            (ACCEPT, ask.accept),
            (CONNECTION, "Upgrade"),
            (UPGRADE, "websocket"),
            (SEC_WEBSOCKET_VERSION, "13"),
            (SEC_WEBSOCKET_KEY, &key),
        ];
        let mut request = self.http.get(self.url(ask.route, &ask.query.encoded()));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        self.trace.request(|| format!("GET {} as a WebSocket", self.shown_url(ask)));
        let response = match timeout_at(deadline, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.no_answer(&error)),
            Err(_) => return Err(self.too_late()),
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            self.judge(response, Wait::Whole, started).await?;
            // A success, but no WebSocket.
            return Err(not_a_station());
        }
        self.look_at(&response)?;
        // RFC 6455 4.1: something that does not know the protocol may answer 101 all the same.
        let accepted = response.headers().get(SEC_WEBSOCKET_ACCEPT);
        if accepted.is_none_or(|it| it.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes()) {
            return Err(not_a_station());
        }
        let upgraded = response.upgrade().await.map_err(|error| self.no_answer(&error))?;
        Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await)
    }
}

/// The connection broke in the middle.
pub fn broken(error: &tokio_tungstenite::tungstenite::Error) -> Failure {
    Failure::new(Kind::Unanswered, format!("the connection to the station broke off: {error}"))
}
