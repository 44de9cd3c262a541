//! The name server: operations 220 and 230. Spec: chat.md 2.4, 2.5, 12.

use photon_proto::peer::Wire;
use photon_proto::{Parameters, Text, Value};

use crate::authentication::{self, Refusal};
use crate::core::ServerCore;
use crate::faults::Fault;
use crate::ids::{ConnectionId, ServerKind};
use crate::requests::{Asked, Fields};
use crate::steps::Step;
use chat_core::codes::{operation, parameter as p, return_code};

/// The cluster in every response. Spec: chat.md 12.
const CLUSTER: &str = "default";

impl ServerCore {
    pub(crate) fn name_server_request(&mut self, id: ConnectionId, asked: Asked, fields: Fields) {
        match asked.code {
            operation::GET_REGIONS => self.get_regions(id, asked, fields),
            operation::AUTHENTICATE => self.log_in(id, asked, fields),
            _ => self.context().refuse_unknown(id, asked),
        }
    }

    fn get_regions(&mut self, id: ConnectionId, asked: Asked, mut fields: Fields) {
        let app_id = match fields.text(p::APPLICATION_ID) {
            Ok(app_id) => app_id.or_else(|| self.path_app_id(id)).unwrap_or_default(),
            Err(wrong) => return self.context().refuse_wrong(id, asked, wrong),
        };
        if let Err(Refusal { code, text }) = authentication::check_app_id(&self.config, &app_id) {
            return self.context().refuse(id, asked, code, &text);
        }
        let address = self.front_end_address(id);
        let mut regions: Vec<Text> = self
            .config
            .regions
            .iter()
            .map(|region| region.as_str().into())
            .collect();
        let addresses = vec![address; regions.len()];
        if self
            .config
            .faults
            .happens(Step::GetRegions, &Fault::WrongLengths)
        {
            regions.push("one-too-many".into());
        }
        let parameters = if self
            .config
            .faults
            .happens(Step::GetRegions, &Fault::WrongTypes)
        {
            vec![(p::REGION, Value::Int(1)), (p::ADDRESS, Value::Bool(true))]
        } else {
            vec![
                (p::REGION, Value::from(regions)),
                (p::ADDRESS, Value::from(addresses)),
            ]
        };
        self.context()
            .respond(id, asked, return_code::OK, None, parameters);
    }

    fn log_in(&mut self, id: ConnectionId, asked: Asked, fields: Fields) {
        let step = Step::Authenticate(ServerKind::NameServer);
        let mut login = match fields.login() {
            Ok(login) => login,
            Err(wrong) => return self.context().refuse_wrong(id, asked, wrong),
        };
        login.app_id = login.app_id.or_else(|| self.path_app_id(id));
        let checked = authentication::check(
            &self.config,
            &self.tokens,
            &mut self.random,
            self.now,
            &login,
        )
        .and_then(|welcome| {
            self.check_region(login.region.as_deref())?;
            self.check_capacity(&welcome.identity)?;
            Ok(welcome)
        });
        let mut welcome = match checked {
            Ok(welcome) => welcome,
            Err(Refusal { code, text }) => return self.context().refuse(id, asked, code, &text),
        };
        let faults = &mut self.config.faults;
        if let Some(Fault::UserId(other)) =
            faults.take(step, |fault| matches!(fault, Fault::UserId(_)))
        {
            welcome.identity.user_id = other.into();
        }
        let (omit_address, omit_token) = (
            faults.happens(step, &Fault::OmitAddress),
            faults.happens(step, &Fault::OmitToken),
        );
        let other_address = faults.take(step, |fault| matches!(fault, Fault::Address(_)));
        let wrong_types = faults.happens(step, &Fault::WrongTypes);

        // The token is issued even if it is omitted, so that a fault does not change the random
        // numbers of a run.
        let as_bytes = faults.happens(step, &Fault::BytesToken) || self.config.token_as_bytes;
        let lifetime_ms = if faults.happens(step, &Fault::ExpiredToken) {
            0
        } else {
            self.config.token_lifetime_ms
        };
        let expires = self.now.plus_millis(lifetime_ms);
        let token = self
            .tokens
            .issue(&mut self.random, &welcome.identity, expires, as_bytes);
        let address = match other_address {
            Some(Fault::Address(other)) => other.into(),
            _ => self.front_end_address(id),
        };
        log::trace!("{id} is user {:?}", welcome.identity.user_id);
        let mut parameters: Parameters = vec![
            (p::USER_ID, welcome.identity.user_id.into()),
            (p::CLUSTER, CLUSTER.into()),
        ];
        match (wrong_types, omit_address) {
            (true, _) => parameters.push((p::ADDRESS, Value::Int(4533))),
            (_, true) => {}
            _ => parameters.push((p::ADDRESS, address.into())),
        }
        if !omit_token {
            parameters.push((p::SECRET, token));
        }
        if let Some(nickname) = welcome.nickname {
            parameters.push((p::NICKNAME, nickname.into()));
        }
        if !welcome.data.is_empty() {
            parameters.push((p::DATA, crate::channel_events::by_name(welcome.data)));
        }
        self.stats.logins += 1;
        self.context().end_before_login(id);
        log::info!("{id} logged in");
        self.context()
            .respond(id, asked, return_code::OK, None, parameters);
    }

    /// Checks a region code. Codes are not case-sensitive, and end at the first slash. Spec:
    /// chat.md 2.8, 12.
    fn check_region(&self, region: Option<&str>) -> Result<(), Refusal> {
        let region = region.unwrap_or_default();
        let code = region.split('/').next().unwrap_or_default();
        if self
            .config
            .regions
            .iter()
            .any(|known| known.eq_ignore_ascii_case(code))
        {
            Ok(())
        } else {
            Err(Refusal::new(return_code::INVALID_REGION, "unknown region"))
        }
    }

    /// The app id in the path of a JSON client.
    pub(crate) fn path_app_id(&self, id: ConnectionId) -> Option<Text> {
        self.connections.get(id)?.app_id.clone()
    }

    /// The address at which this client can reach the front end.
    fn front_end_address(&self, id: ConnectionId) -> Text {
        let connection = self.connections.get(id);
        let host = match &self.config.public_host {
            Some(host) => host.as_str(),
            None => connection.map_or("", |connection| &connection.local_host),
        };
        let (scheme, port) = match connection.map(|connection| connection.peer.wire()) {
            Some(Wire::Datagram) => ("", self.config.front_end_udp_port),
            Some(Wire::WebSocket { secure: true, .. }) => {
                ("wss://", self.config.front_end_wss_port)
            }
            Some(Wire::WebSocket { .. }) => ("ws://", self.config.front_end_ws_port),
            _ => ("", self.config.front_end_port),
        };
        let scheme = if self.config.web_socket_prefix {
            scheme
        } else {
            ""
        };
        // Brackets separate an IPv6 address from the port.
        if host.contains(':') && !host.starts_with('[') {
            format!("{scheme}[{host}]:{port}").into()
        } else {
            format!("{scheme}{host}:{port}").into()
        }
    }
}
