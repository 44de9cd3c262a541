use super::*;
use crate::config::ServerConfig;

fn core() -> ServerCore {
    ServerCore::new(ServerConfig::new(), [9; 32])
}

#[test]
fn commands_change_the_server_and_report_it() {
    let mut core = core();
    for (command, answer) in [
        ("faults", "ok 0 faults"),
        ("fault drop-auth-answer ns", "ok drop-auth-answer ns is on"),
        (
            "fault 2 times publish=refuse:32743:slow down",
            "ok publish=refuse:32743:slow down is on, 2 times",
        ),
        ("fault delay 7", "ok delay 7 is on"),
        (
            "faults",
            "ok 3 faults: authenticate-ns=silent; publish=refuse:32743:slow down x2; delay-ms=7",
        ),
        ("fault off publish", "ok publish is off"),
        ("fault off hook-says-no", "ok hook-says-no was not on"),
        ("clear", "ok all faults are off"),
        ("faults", "ok 0 faults"),
        ("set grace-ms 500", "ok grace-ms=500"),
        ("set properties=on", "ok properties=on"),
        ("get grace-ms", "ok grace-ms=500"),
        ("set line-loss 2.5", "ok line-loss=2.5"),
        (
            "line",
            "ok line loss=2.5 duplicate=0 delay=0 jitter=0 corrupt=0",
        ),
        (
            "line delay=80 jitter=30",
            "ok line loss=0 duplicate=0 delay=80 jitter=30 corrupt=0",
        ),
        (
            "line off",
            "ok line loss=0 duplicate=0 delay=0 jitter=0 corrupt=0",
        ),
        (
            "auth params=user=alice result=ok",
            "ok 1 authentication rules",
        ),
        ("auth clear", "ok 0 authentication rules"),
        ("channels", "ok 0 channels"),
        ("users", "ok 0 users"),
        ("  quit  ", "ok stopping"),
    ] {
        assert_eq!(core.control(command).line, answer, "{command}");
    }
    assert_eq!(
        (core.config().grace_ms, core.config().properties),
        (500, true)
    );
    assert!(core.control("switches").line.contains("; grace-ms=500; "));
    assert!(
        core.control("stats")
            .line
            .starts_with("ok stats: connections=0 users=0 ")
    );
}

#[test]
fn every_command_is_in_help_and_wrong_ones_get_advice() {
    let mut core = core();
    for about in ["", " faults", " switches", " reasons"] {
        assert!(
            core.control(&format!("help{about}"))
                .line
                .starts_with("ok "),
            "{about}"
        );
    }
    for (form, _) in ServerCore::control_commands() {
        assert!(core.control("help").line.contains(form));
        assert!(
            !core
                .control(split(form).0)
                .line
                .contains("there is no command"),
            "{form}"
        );
    }
    for (command, part) in [
        ("", "write help"),
        ("halt", "there is no command \"halt\": write help"),
        ("faults all", "faults takes no arguments: write faults"),
        ("quit now", "write quit"),
        ("fault", "write fault FAULT"),
        ("fault nonsense", "there is no setting called \"nonsense\""),
        ("fault 0 times publish=silent", "write fault FAULT x3"),
        ("fault 2 times", "there is no setting called"),
        (
            "fault off nonsense",
            "there is no setting called \"nonsense\"",
        ),
        ("set", "write set SWITCH VALUE"),
        ("set grace-ms", "write set SWITCH VALUE"),
        ("set grace 1", "or one of the switches"),
        ("set grace-ms x", "write N"),
        ("get x", "`switches` lists them"),
        ("line loss", "write loss=PERCENT"),
        ("line loss=x", "write a number from 0 to 100"),
        ("auth", "write auth RULE"),
        ("auth result=x", "write ok or refused"),
        ("kick", "write kick USER"),
        ("kick bob soon", "write a number"),
        ("kick bob", "`users` lists them"),
        ("help me", "write help"),
    ] {
        let answer = core.control(command);
        assert!(
            answer.line.starts_with("error ") && answer.line.contains(part),
            "{command}: {}",
            answer.line
        );
        assert!(!answer.quit && !answer.line.contains('\n'));
    }
}
