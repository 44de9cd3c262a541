//! The official JavaScript SDK and our client in one channel of the development server, over each
//! transport. Needs node and `npm ci --prefix examples/dev-server/interop`. Without them the tests
//! print what is missing and pass, or fail if `PHOTON_INTEROP` is `required`.

mod contents;
mod ours;
mod sdk;

use chat_core::{Event, PrivateOptions, StatusChange, StatusMessage, SubscribeOptions, UserStatus};
use contents::{equal, sent_by_the_sdk, sent_by_us, table, texts};
use dev_server::server::LocalServer;
use dev_server::{ServerConfig, SubProtocol, Transport};
use ours::Ours;
use photon_proto::{Timestamp, Value};
use sdk::{Sdk, package};
use serde_json::json;
use std::time::Duration;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const APP: &str = "c0ffee00-1111-2222-3333-444455556666";
pub(crate) const CHANNEL: &str = "room \u{1F3B2}";

/// Starts a server that accepts the app id of these tests.
fn start_server(change: impl FnOnce(&mut ServerConfig)) -> LocalServer {
    let config = ServerConfig::new().with(|config| config.app_ids = vec![APP.to_owned()]);
    LocalServer::start(config.with(change)).unwrap()
}

/// The name server's address over this transport.
fn url(server: &LocalServer, transport: Transport) -> String {
    // By name over TLS, so that the certificate is checked for a name as well.
    match transport {
        Transport::Wss => server.url(transport).replace("127.0.0.1", "localhost"),
        _ => server.url(transport),
    }
}

/// Lets the SDK and our client exercise every feature with each other.
fn converse(
    server: &LocalServer,
    sdk_transport: Transport,
    transport: Transport,
    protocol: SubProtocol,
) {
    let Some(directory) = package() else { return };
    // Printed if the test fails.
    println!("the SDK over {sdk_transport}, our client over {transport} in {protocol}");
    let (us, them) = (
        format!("ours-{transport}-{protocol}"),
        format!("sdk \u{fc}\u{1F600} {transport}-{protocol}"),
    );

    // A message for the history.
    let mut ours = Ours::connect(server, transport, protocol, &us);
    ours.subscribe();
    ours.publish(&"before".into());
    assert_eq!(ours.message(), (us.clone(), "before".into()));

    // Regions and login.
    let mut sdk = Sdk::start(&directory, server, sdk_transport, APP, &them);
    assert_eq!(sdk.call("connectToNameServer", json!([])), json!(true));
    sdk.find("name server", |line| {
        line["event"] == "onStateChange" && line["args"][0] == 2
    });
    sdk.call("getRegions", json!([]));
    let regions = sdk.event("onGetRegionsResult");
    assert_eq!(regions[0], 0, "{regions}");
    let codes: Vec<&String> = regions[2].as_object().unwrap().keys().collect();
    assert_eq!(codes, ["eu", "us", "asia"]);
    assert_eq!(
        sdk.call("connectToRegionFrontEnd", json!(["EU"])),
        json!(true)
    );
    sdk.find("front end", |line| {
        line["event"] == "onStateChange" && line["args"][0] == 4
    });

    // Friends and status.
    assert_eq!(sdk.call("addFriends", json!([[us]])), json!(true));
    assert_eq!(
        sdk.event("onUserStatusUpdate").as_array().unwrap()[..2],
        [json!(us), json!(0)]
    );
    ours.0
        .chat
        .set_user_status(UserStatus::ONLINE, StatusMessage::Set("here"))
        .unwrap();
    assert_eq!(ours.0.poll_event(), None);
    assert_eq!(
        sdk.event("onUserStatusUpdate"),
        json!([us, 2, true, "here"])
    );
    ours.0
        .chat
        .set_user_status(UserStatus::AWAY, StatusMessage::Keep)
        .unwrap();
    assert_eq!(ours.0.poll_event(), None);
    assert_eq!(
        sdk.event("onUserStatusUpdate").as_array().unwrap()[..3],
        [json!(us), json!(3), json!(false)]
    );
    ours.0.chat.add_friends([&them]).unwrap();
    assert_eq!(ours.status().1, UserStatus::OFFLINE);
    assert_eq!(
        sdk.call("setUserStatus", json!([5, {"team": ["a", "b"]}])),
        json!(true)
    );
    let message = StatusChange::Set(Box::new(table(&[("team", texts(&["a", "b"]))])));
    assert_eq!(ours.status(), (them.clone(), UserStatus::LFG, message));
    assert_eq!(
        sdk.call("setUserStatus", json!([2, null, true])),
        json!(true)
    );
    assert_eq!(
        ours.status(),
        (them.clone(), UserStatus::ONLINE, StatusChange::Kept)
    );

    // The channel, with history, and subscribers that are reported.
    assert_eq!(
        sdk.call("subscribe", json!([[CHANNEL], {"historyLength": -1}])),
        json!(true)
    );
    assert_eq!(sdk.event("onSubscribeResult"), json!([{CHANNEL: true}]));
    assert_eq!(
        sdk.event("onChatMessages"),
        json!([CHANNEL, [{"sender": us, "content": "before"}]])
    );
    assert_eq!(ours.user_event(true), (CHANNEL.to_owned(), them.clone()));
    ours.0.chat.unsubscribe([CHANNEL]).unwrap();
    assert_eq!(ours.0.poll_event(), None);
    assert_eq!(sdk.event("onUserUnsubscribe"), json!([CHANNEL, us]));
    ours.subscribe();
    assert_eq!(sdk.event("onUserSubscribe"), json!([CHANNEL, us]));
    let public = ours.0.chat.channel(CHANNEL).unwrap();
    assert_eq!(
        public
            .subscribers()
            .map(|user| user.to_string())
            .collect::<Vec<_>>(),
        [us.as_str(), them.as_str()]
    );

    // Content in both directions; each sender receives its own message too.
    for (sent, received) in sent_by_the_sdk() {
        assert_eq!(
            sdk.call("publishMessage", json!([CHANNEL, sent])),
            json!(true)
        );
        assert_eq!(ours.message(), (them.clone(), received));
        assert_eq!(
            sdk.event("onChatMessages"),
            json!([CHANNEL, [{"sender": them, "content": sent}]])
        );
    }
    for (sent, received) in sent_by_us(protocol) {
        ours.publish(&sent);
        let (sender, echo) = ours.message();
        assert_eq!(sender, us);
        if protocol != SubProtocol::Json {
            assert_eq!(echo, sent);
        }
        let mut args = sdk.event("onChatMessages");
        let content = args[1][0]["content"].take();
        assert!(
            equal(&content, &received),
            "{content} instead of {received}"
        );
    }
    // The longest text.
    let long = "\u{1F600}x".repeat(6_000);
    assert_eq!(
        sdk.call("publishMessage", json!([CHANNEL, [long, "end"]])),
        json!(true)
    );
    assert_eq!(ours.message(), (them.clone(), texts(&[&long, "end"])));
    ours.publish(&long.as_str().into());
    assert_eq!(ours.message(), (us.clone(), long.as_str().into()));
    sdk.find("long text", |line| {
        line["event"] == "onChatMessages" && line["args"][1][0]["content"] == long.as_str()
    });

    // Private messages, encrypted where there is a key exchange.
    assert_eq!(
        sdk.call("sendPrivateMessage", json!([us, {"secret": 1}])),
        json!(true)
    );
    let secret = table(&[("secret", Value::Int(1))]);
    assert_eq!(ours.private(), (them.clone(), them.clone(), secret));
    assert_eq!(
        sdk.event("onPrivateMessage"),
        json!([us, {"sender": them, "content": {"secret": 1}}])
    );
    let encrypt = PrivateOptions::new().encrypt(protocol != SubProtocol::Json);
    ours.0
        .chat
        .send_private_message(&them, "likewise", &encrypt)
        .unwrap();
    assert_eq!(
        ours.private(),
        (them.clone(), us.clone(), "likewise".into())
    );
    assert_eq!(
        sdk.event("onPrivateMessage"),
        json!([us, {"sender": us, "content": "likewise"}])
    );

    // The cache of the SDK; of a private channel it has only the last id. chat.md 4.2.
    let channels = sdk.call("channels", json!([]));
    assert_eq!(channels["private"][&us]["lastId"], 2);
    let last_id = channels["public"][CHANNEL]["lastId"].as_i64().unwrap();
    assert_eq!(
        last_id,
        i64::from(ours.0.chat.channel(CHANNEL).unwrap().last_id())
    );
    let cached = channels["public"][CHANNEL]["messages"].as_array().unwrap();
    assert_eq!(cached.len(), usize::try_from(last_id).unwrap());

    // A subscription with a last id receives only later messages.
    assert_eq!(
        sdk.call("subscribe", json!([[CHANNEL], {"lastIds": [last_id - 1]}])),
        json!(true)
    );
    assert_eq!(sdk.event("onSubscribeResult"), json!([{CHANNEL: true}]));
    let repeated = sdk.event("onChatMessages");
    assert_eq!(
        repeated,
        json!([CHANNEL, [{"sender": us, "content": long}]])
    );

    // A channel that the SDK creates.
    let options = json!({"createOptions": {"publishSubscribers": true, "maxSubscribers": 2}});
    assert_eq!(
        sdk.call("subscribe", json!([["created"], options])),
        json!(true)
    );
    assert_eq!(sdk.event("onSubscribeResult"), json!([{"created": true}]));
    ours.0
        .chat
        .subscribe(["created"], &SubscribeOptions::new())
        .unwrap();
    assert_eq!(ours.0.poll_event(), None);
    assert_eq!(sdk.event("onUserSubscribe"), json!(["created", us]));
    ours.find("channel", |event| {
        matches!(event, Event::SubscribeResult(_)).then_some(())
    });
    let created = ours.0.chat.channel("created").unwrap();
    assert_eq!(
        (
            created.publishes_subscribers(),
            created.max_subscribers(),
            created.subscribers().len()
        ),
        (true, 2, 2)
    );

    // Unsubscribe and disconnect.
    assert_eq!(sdk.call("removeFriends", json!([[us]])), json!(true));
    assert_eq!(sdk.call("unsubscribe", json!([[CHANNEL]])), json!(true));
    assert_eq!(sdk.event("onUnsubscribeResult"), json!([{CHANNEL: true}]));
    assert_eq!(ours.user_event(false), (CHANNEL.to_owned(), them.clone()));
    sdk.call("disconnect", json!([]));
    assert_eq!(ours.status().1, UserStatus::OFFLINE);
    ours.0.close(Duration::from_secs(5));
}

/// Lets the SDK over one transport converse with our client over every transport with every
/// protocol.
fn converse_over_everything(sdk_transport: Transport) {
    for transport in Transport::ALL {
        for protocol in SubProtocol::ALL {
            if transport.carries(protocol) {
                converse(&start_server(|_| {}), sdk_transport, transport, protocol);
            }
        }
    }
}

#[test]
fn the_sdk_over_ws_with_our_client_over_everything() {
    converse_over_everything(Transport::Ws);
}

#[test]
fn the_sdk_over_wss_with_our_client_over_everything() {
    converse_over_everything(Transport::Wss);
}

#[test]
fn front_end_addresses_without_a_scheme_are_accepted() {
    for (sdk_transport, transport) in [
        (Transport::Ws, Transport::Wss),
        (Transport::Wss, Transport::Ws),
    ] {
        let server = start_server(|config| config.web_socket_prefix = false);
        converse(&server, sdk_transport, transport, SubProtocol::GpBinaryV18);
    }
}

#[test]
fn errors_reach_the_sdk() {
    let Some(directory) = package() else { return };
    for transport in [Transport::Ws, Transport::Wss] {
        let server = start_server(|_| {});
        let mut sdk = Sdk::start(&directory, &server, transport, "no such app", "sdk");
        sdk.call("connectToRegionFrontEnd", json!(["eu"]));
        assert_eq!(sdk.event("onError")[0], 3101);
        let mut sdk = Sdk::start(&directory, &server, transport, APP, "sdk");
        sdk.call("connectToRegionFrontEnd", json!(["nowhere"]));
        assert_eq!(sdk.event("onError")[0], 3101);
        sdk.call("connectToRegionFrontEnd", json!(["eu"]));
        sdk.find("front end", |line| {
            line["event"] == "onStateChange" && line["args"][0] == 4
        });
        server
            .handle()
            .with_core(|core| core.kick(Timestamp::ZERO, "sdk", 1, "bye"));
        assert_eq!(sdk.event("onError")[0], 1003);
        // The SDK can connect again.
        sdk.call("connectToRegionFrontEnd", json!(["eu"]));
        sdk.find("front end", |line| {
            line["event"] == "onStateChange" && line["args"][0] == 4
        });
    }
}

#[test]
fn custom_authentication_works_as_with_our_client() {
    let Some(directory) = package() else { return };
    let rule = "type=5 params=user=al%20ice&pass=x data=more result=ok user=alice42 nickname=Al";
    let server = start_server(|config| {
        config.authentication.push(rule.parse().unwrap());
        config.allow_anonymous = false;
    });
    let mut sdk = Sdk::start(&directory, &server, Transport::Wss, APP, "sdk");
    for (pass, accepted) in [("wrong", false), ("x", true)] {
        let parameters = format!("user=al+ice&pass={pass}");
        sdk.call("setCustomAuthentication", json!([parameters, 5, "more"]));
        sdk.call("connectToRegionFrontEnd", json!(["eu"]));
        if accepted {
            sdk.find("front end", |line| {
                line["event"] == "onStateChange" && line["args"][0] == 4
            });
            assert_eq!(sdk.call("getUserId", json!([])), "alice42");
        } else {
            let error = sdk.event("onError");
            assert!(
                error[0] == 3101 && error[1].as_str().unwrap().contains("32755"),
                "{error}"
            );
        }
    }
}
