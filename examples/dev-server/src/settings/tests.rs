use super::*;
use crate::faults::Fault;
use crate::steps::Step;

fn printed(text: &str) -> Vec<String> {
    let settings = Setting::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    settings.iter().map(Setting::to_string).collect()
}

fn error(text: &str) -> String {
    Setting::parse(text).unwrap_err().to_string()
}

#[test]
fn every_fault_parses_at_every_step_and_prints_back() {
    for step in Setting::steps() {
        for form in Setting::faults() {
            let fault = form.replace("CODE", "-3").replace(['[', ']'], "");
            for times in ["", " x1", " x4294967295"] {
                let text = format!("{step}={fault}{times}");
                assert_eq!(printed(&text), [text]);
            }
        }
    }
}

#[test]
fn every_switch_parses_its_value_and_is_a_field_by_that_name() {
    let mut config = ServerConfig::new();
    let fields = format!("{config:?}");
    for (name, form) in SwitchSpec::all() {
        let default = format!("{name}={}", config.switch(name).unwrap());
        assert_eq!(printed(&default), [default.as_str()]);
        let field = name.strip_prefix("line-").unwrap_or(name).replace('-', "_");
        assert!(
            !form.is_empty() && fields.contains(&format!("{field}: ")),
            "{name}"
        );
        let other = match form {
            "on|off" if config.switch(name).unwrap() == "on" => "off",
            "on|off" => "on",
            "NAME:N[,NAME:N]|none" => "lobby:17,a:b:0",
            orders if orders.starts_with("after|") => "copied-early",
            _ => "17",
        };
        let text = format!("{name}={other}");
        config.apply(&text).unwrap();
        assert_eq!(config.switch(name).as_deref(), Some(other), "{name}");
        assert_eq!(config.revoke(&text), Ok(true), "{name}");
        assert_eq!(
            format!("{name}={}", config.switch(name).unwrap()),
            default,
            "{name}"
        );
    }
}

#[test]
fn every_alias_stands_for_its_settings() {
    for (text, expected) in [
        (
            "drop-auth-answer",
            &["authenticate-ns=silent", "authenticate-fe=silent"][..],
        ),
        ("drop-auth-answer  ns ", &["authenticate-ns=silent"]),
        ("drop-auth-answer fe x3", &["authenticate-fe=silent x3"]),
        (
            "close-after-auth",
            &["authenticate-ns=close-after", "authenticate-fe=close-after"],
        ),
        ("close-after-auth ns", &["authenticate-ns=close-after"]),
        ("close-after-auth fe", &["authenticate-fe=close-after"]),
        (
            "wrong-array-lengths x1",
            &[
                "regions=wrong-lengths x1",
                "subscribe=wrong-lengths x1",
                "publish=wrong-lengths x1",
            ],
        ),
        ("duplicate-event-5", &["subscribe=duplicate"]),
        ("split-event-5", &["subscribe=split"]),
        ("foreign-event-5", &["subscribe=foreign:never-asked-for"]),
        ("foreign-event-5 a,b c", &["subscribe=foreign:a,b c"]),
        ("messages-before-event-5", &["subscribe=messages-first"]),
        ("no-event-5", &["subscribe=no-event"]),
        ("hook-says-no", &["subscribe=deny"]),
        ("delay 250", &["delay-ms=250"]),
        ("disconnect-user-limit", &["authenticate-fe=disconnect:3"]),
        (
            "disconnect-max-ccu authenticate-ns",
            &["authenticate-ns=disconnect:32757"],
        ),
        ("expire-tokens", &["authenticate-fe=expired-token"]),
        ("byte-array-token", &["authenticate-ns=bytes-token"]),
        (
            "user-id-override Some = One",
            &["authenticate-ns=user-id:Some = One"],
        ),
        ("missing-address", &["authenticate-ns=no-address"]),
        ("missing-token", &["authenticate-ns=no-token"]),
        ("wrong-auth-types", &["authenticate-ns=wrong-types"]),
        ("mute", &["ping-ns=mute", "ping-fe=mute"]),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
    for Alias { form, .. } in Alias::all() {
        let text = form
            .replace("MS", "5")
            .replace("REASON", "server-logic")
            .replace("STEP", "publish");
        assert!(Setting::parse(&text).is_ok(), "{form}");
    }
}

#[test]
fn a_code_has_a_number_or_a_name() {
    for (reason, code) in Setting::reasons() {
        let expected = [format!("publish=disconnect:{code}:bye")];
        assert_eq!(
            printed(&format!("publish=disconnect:{reason}:bye")),
            expected
        );
        let expected = [format!("publish=disconnect:{code}")];
        assert_eq!(printed(&format!("disconnect-{reason} publish")), expected);
    }
}

#[test]
fn other_spellings_print_in_the_usual_form() {
    for (text, expected) in [
        ("  publish = silent  x2 ", "publish=silent x2"),
        ("publish=silent x*", "publish=silent"),
        (
            "publish=refuse:-1:no: not now",
            "publish=refuse:-1:no: not now",
        ),
        ("subscribe=foreign:a, b", "subscribe=foreign:a,b"),
        ("properties=yes", "properties=on"),
        ("properties=silent", "properties=silent"),
        ("regions=eu, us", "regions=eu,us"),
        ("line-loss=2.50%", "line-loss=2.5"),
    ] {
        assert_eq!(printed(text), [expected], "{text}");
    }
    // A text that ends like a number of times stays one.
    let spec = FaultSpec {
        step: Step::Publish,
        fault: Fault::UserId("a x3".to_owned()),
        times: Times::Always,
    };
    assert_eq!(spec.to_string(), "publish=user-id:a x3 x*");
    assert_eq!(
        Setting::parse(&spec.to_string()),
        Ok(vec![Setting::Fault(spec)])
    );
}

#[test]
fn wrong_text_is_rejected_with_a_list_of_what_is_allowed() {
    for (text, part) in [
        ("", "there is no setting called \"\": write STEP=FAULT"),
        ("drop-answer", "or one of drop-auth-answer, drop-auth"),
        (
            "publsh=silent",
            "there is no step or switch \"publsh\": write one of the steps accept-ns ",
        ),
        ("grace=1", "or one of the switches app-ids "),
        ("=silent", "there is no step or switch \"\""),
        ("publish=", "there is no fault \"\": write one of silent "),
        ("publish=silently", "there is no fault \"silently\""),
        ("publish=silent:1", "the fault \"silent\" is written silent"),
        ("publish=refuse", "is written refuse:CODE[:TEXT]"),
        ("publish=refuse:x", "one of server-logic "),
        ("publish=silent x0", "\"x0\" is not a number of times"),
        ("publish=silent x4294967296", "write x1 up to x4294967295"),
        ("drop-auth-answer x0", "\"x0\" is not a number of times"),
        (
            "drop-auth-answer xx",
            "write drop-auth-answer, or drop-auth-answer ns, or drop-auth-answer fe",
        ),
        ("delay", "write delay MS"),
        ("delay soon", "\"soon\" is not a value of delay-ms: write N"),
        (
            "delay 5 x2",
            "delay-ms is a switch, which cannot be counted",
        ),
        ("user-id-override", "write user-id-override ID"),
        ("missing-token now", "write missing-token"),
        ("disconnect-why", "one of server-logic "),
        ("disconnect-max-ccu there", "there is no step or switch"),
        ("grace-ms=-1", "\"-1\" is not a value of grace-ms: write N"),
        ("properties=maybe", "there is no fault \"maybe\""),
        (
            "properties=maybe",
            "; as a switch, \"maybe\" is not a value",
        ),
        ("renew-token=maybe", "write on|off"),
        ("max-users=x", "write N|none"),
        ("line-loss=101", "write PERCENT (0 to 100)"),
        ("regions=eu,,us", "write TEXT[,TEXT]|none"),
        ("public-host=", "write TEXT|none"),
    ] {
        assert!(error(text).contains(part), "{text}: {}", error(text));
    }
    let mut config = ServerConfig::new();
    let before = format!("{config:?}");
    assert!(config.apply("drop-auth-answer x0").is_err());
    assert!(config.apply("grace-ms=-1").is_err());
    assert_eq!(format!("{config:?}"), before);
}

#[test]
fn applied_settings_can_be_revoked() {
    let mut config = ServerConfig::new();
    for text in [
        "drop-auth-answer",
        "delay 5",
        "publish=silent x2",
        "publish=close",
        "hook-says-no",
        "split-event-5",
        "split-event-5=on",
    ] {
        config.apply(text).unwrap();
    }
    assert_eq!(
        config.active_faults(),
        [
            "authenticate-ns=silent",
            "authenticate-fe=silent",
            "publish=silent x2",
            "publish=close",
            "subscribe=deny",
            "subscribe=split",
            "delay-ms=5",
        ]
    );
    for (text, any) in [
        ("drop-auth-answer", true),
        ("drop-auth-answer", false),
        ("publish=close", true),
        ("publish=silent", true),
        ("publish", false),
        ("split-event-5", true),
        ("split-event-5=on", true),
        ("split-event-5=on", false),
        ("subscribe", true),
        ("delay", true),
        ("delay 5", false),
        ("grace-ms", false),
    ] {
        assert_eq!(config.revoke(text), Ok(any), "{text}");
    }
    assert!(config.active_faults().is_empty());
    assert!(config.revoke("nonsense").is_err());
    config.apply("delay 5").unwrap();
    config.apply("mute").unwrap();
    config.clear_faults();
    assert!(config.active_faults().is_empty());
}
