//! The official JavaScript SDK and our client, over each of its transports, in one room of the development server. Needs
//! node and `npm ci --prefix examples/dev-server/interop`; says so where they are not, and fails then if `PHOTON_INTEROP`
//! is `required`.

mod contents;
mod ours;
mod sdk;
mod server;

use chat_core::{Event, PrivateOptions, StatusChange, StatusMessage, SubscribeOptions, UserStatus};
use contents::{said_by_the_sdk, said_by_us, same, table, texts};
use ours::{Ours, Speak};
use photon_proto::{Timestamp, Value};
use sdk::{Sdk, package};
use serde_json::json;
use server::Served;
use std::time::Duration;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const APP: &str = "c0ffee00-1111-2222-3333-444455556666";
pub(crate) const ROOM: &str = "room \u{1F3B2}";

/// The whole conversation.
fn talk(server: &Served, sdk_scheme: &str, scheme: &str, speak: Speak) {
    let Some(directory) = package() else { return };
    // Shown if it fails.
    println!("the SDK over {sdk_scheme}, our client over {scheme} in {speak:?}");
    let (us, them) = (
        format!("ours-{scheme}-{speak:?}"),
        format!("sdk \u{fc}\u{1F600} {scheme}-{speak:?}"),
    );

    // Something for the history.
    let mut ours = Ours::enter(server, scheme, speak, &us);
    ours.subscribe();
    ours.publish(&"before".into());
    assert_eq!(ours.message(), (us.clone(), "before".into()));

    // Login with regions first.
    let mut sdk = Sdk::start(&directory, server, sdk_scheme, APP, &them);
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

    // The room, with history and users who come and go.
    assert_eq!(
        sdk.call("subscribe", json!([[ROOM], {"historyLength": -1}])),
        json!(true)
    );
    assert_eq!(sdk.event("onSubscribeResult"), json!([{ROOM: true}]));
    assert_eq!(
        sdk.event("onChatMessages"),
        json!([ROOM, [{"sender": us, "content": "before"}]])
    );
    assert_eq!(ours.user_event(true), (ROOM.to_owned(), them.clone()));
    ours.0.chat.unsubscribe([ROOM]).unwrap();
    assert_eq!(ours.0.poll_event(), None);
    assert_eq!(sdk.event("onUserUnsubscribe"), json!([ROOM, us]));
    ours.subscribe();
    assert_eq!(sdk.event("onUserSubscribe"), json!([ROOM, us]));
    let public = ours.0.chat.channel(ROOM).unwrap();
    assert_eq!(
        public
            .subscribers()
            .map(|user| user.to_string())
            .collect::<Vec<_>>(),
        [us.as_str(), them.as_str()]
    );

    // Content both ways, with the sender's own echo.
    for (said, heard) in said_by_the_sdk() {
        assert_eq!(sdk.call("publishMessage", json!([ROOM, said])), json!(true));
        assert_eq!(ours.message(), (them.clone(), heard));
        assert_eq!(
            sdk.event("onChatMessages"),
            json!([ROOM, [{"sender": them, "content": said}]])
        );
    }
    for (said, heard) in said_by_us(speak) {
        ours.publish(&said);
        let (sender, echo) = ours.message();
        assert_eq!(sender, us);
        if speak != Speak::Json {
            assert_eq!(echo, said);
        }
        let mut args = sdk.event("onChatMessages");
        let content = args[1][0]["content"].take();
        assert!(same(&content, &heard), "{content} instead of {heard}");
    }
    // As long as a text may be.
    let long = "\u{1F600}x".repeat(6_000);
    assert_eq!(
        sdk.call("publishMessage", json!([ROOM, [long, "end"]])),
        json!(true)
    );
    assert_eq!(ours.message(), (them.clone(), texts(&[&long, "end"])));
    ours.publish(&long.as_str().into());
    assert_eq!(ours.message(), (us.clone(), long.as_str().into()));
    sdk.find("long text", |line| {
        line["event"] == "onChatMessages" && line["args"][1][0]["content"] == long.as_str()
    });

    // Privately, encrypted where there are keys.
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
    let encrypt = PrivateOptions::new().encrypt(speak != Speak::Json);
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

    // What the SDK keeps: of a private conversation only the last id, chat.md 4.2.
    let channels = sdk.call("channels", json!([]));
    assert_eq!(channels["private"][&us]["lastId"], 2);
    let last_id = channels["public"][ROOM]["lastId"].as_i64().unwrap();
    assert_eq!(
        last_id,
        i64::from(ours.0.chat.channel(ROOM).unwrap().last_id())
    );
    let kept = channels["public"][ROOM]["messages"].as_array().unwrap();
    assert_eq!(kept.len(), usize::try_from(last_id).unwrap());

    // Only what has not been seen comes again.
    assert_eq!(
        sdk.call("subscribe", json!([[ROOM], {"lastIds": [last_id - 1]}])),
        json!(true)
    );
    assert_eq!(sdk.event("onSubscribeResult"), json!([{ROOM: true}]));
    let again = sdk.event("onChatMessages");
    assert_eq!(again, json!([ROOM, [{"sender": us, "content": long}]]));

    // A channel that the SDK makes.
    let options = json!({"createOptions": {"publishSubscribers": true, "maxSubscribers": 2}});
    assert_eq!(
        sdk.call("subscribe", json!([["made"], options])),
        json!(true)
    );
    assert_eq!(sdk.event("onSubscribeResult"), json!([{"made": true}]));
    ours.0
        .chat
        .subscribe(["made"], &SubscribeOptions::new())
        .unwrap();
    assert_eq!(ours.0.poll_event(), None);
    assert_eq!(sdk.event("onUserSubscribe"), json!(["made", us]));
    ours.find("channel", |event| {
        matches!(event, Event::SubscribeResult(_)).then_some(())
    });
    let made = ours.0.chat.channel("made").unwrap();
    assert_eq!(
        (
            made.publishes_subscribers(),
            made.max_subscribers(),
            made.subscribers().len()
        ),
        (true, 2, 2)
    );

    // Ending.
    assert_eq!(sdk.call("removeFriends", json!([[us]])), json!(true));
    assert_eq!(sdk.call("unsubscribe", json!([[ROOM]])), json!(true));
    assert_eq!(sdk.event("onUnsubscribeResult"), json!([{ROOM: true}]));
    assert_eq!(ours.user_event(false), (ROOM.to_owned(), them.clone()));
    sdk.call("disconnect", json!([]));
    assert_eq!(ours.status().1, UserStatus::OFFLINE);
    ours.0.close(Duration::from_secs(5));
}

const OURS: [(&str, Speak); 10] = [
    ("udp", Speak::V16),
    ("udp", Speak::V18),
    ("tcp", Speak::V16),
    ("tcp", Speak::V18),
    ("ws", Speak::V16),
    ("ws", Speak::V18),
    ("ws", Speak::Json),
    ("wss", Speak::V16),
    ("wss", Speak::V18),
    ("wss", Speak::Json),
];

#[test]
fn the_sdk_over_ws_with_our_client_over_everything() {
    for (scheme, speak) in OURS {
        talk(&Served::start(|_| {}), "ws", scheme, speak);
    }
}

#[test]
fn the_sdk_over_wss_with_our_client_over_everything() {
    for (scheme, speak) in OURS {
        talk(&Served::start(|_| {}), "wss", scheme, speak);
    }
}

#[test]
fn front_end_addresses_without_a_scheme_are_understood() {
    for (sdk_scheme, scheme) in [("ws", "wss"), ("wss", "ws")] {
        talk(
            &Served::start(|config| config.web_socket_prefix = false),
            sdk_scheme,
            scheme,
            Speak::V18,
        );
    }
}

#[test]
fn what_goes_wrong_is_told_to_the_sdk() {
    let Some(directory) = package() else { return };
    for scheme in ["ws", "wss"] {
        let server = Served::start(|_| {});
        let mut sdk = Sdk::start(&directory, &server, scheme, "no such app", "sdk");
        sdk.call("connectToRegionFrontEnd", json!(["eu"]));
        assert_eq!(sdk.event("onError")[0], 3101);
        let mut sdk = Sdk::start(&directory, &server, scheme, APP, "sdk");
        sdk.call("connectToRegionFrontEnd", json!(["nowhere"]));
        assert_eq!(sdk.event("onError")[0], 3101);
        sdk.call("connectToRegionFrontEnd", json!(["eu"]));
        sdk.find("front end", |line| {
            line["event"] == "onStateChange" && line["args"][0] == 4
        });
        server
            .handle
            .with_core(|core| core.kick(Timestamp::ZERO, "sdk", 1, "bye"));
        assert_eq!(sdk.event("onError")[0], 1003);
        // And back again.
        sdk.call("connectToRegionFrontEnd", json!(["eu"]));
        sdk.find("front end", |line| {
            line["event"] == "onStateChange" && line["args"][0] == 4
        });
    }
}

#[test]
fn custom_authentication_is_as_with_our_client() {
    let Some(directory) = package() else { return };
    let rule = "type=5 params=user=al%20ice&pass=x data=more result=ok user=alice42 nickname=Al";
    let server = Served::start(|config| {
        config.authentication.push(rule.parse().unwrap());
        config.allow_anonymous = false;
    });
    let mut sdk = Sdk::start(&directory, &server, "wss", APP, "sdk");
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
