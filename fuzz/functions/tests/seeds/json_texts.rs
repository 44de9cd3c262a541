//! Text messages of the JSON sub-protocol, as both ends write them, and wrong ones.

/// A frame of JSON.
fn frame(object: &str) -> String {
    format!("~m~{}~m~~j~{object}", 3 + object.encode_utf16().count())
}

/// For each text: its name, whether the server reads it, and its bytes.
pub(crate) fn all() -> Vec<(&'static str, bool, String)> {
    let objects = [
        (
            "login",
            true,
            r#"{"req":230,"vals":[224,"app",220,"1.0",225,"üser😀",210,"eu"]}"#,
        ),
        ("subscribe", true, r#"{"req":0,"vals":[0,["a","b"],14,-1]}"#),
        (
            "publish-table",
            true,
            r#"{"req":2,"vals":[1,"a",3,{"k":[1,2.5,null,true],"":{}}]}"#,
        ),
        ("ping", true, r#"{"irq":1,"vals":[1,212]}"#),
        ("ping-late", true, r#"{"irq":1,"vals":[1,99999999999]}"#),
        ("internal", true, r#"{"irq":0,"vals":[]}"#),
        (
            "ping-answer",
            false,
            r#"{"err":0,"irs":1,"vals":[1,3946077,2,-1223828109],"msg":null}"#,
        ),
        (
            "response",
            false,
            r#"{"res":230,"err":0,"msg":null,"vals":[230,"wss://fe:19090",221,"t"]}"#,
        ),
        (
            "refusal",
            false,
            r#"{"res":"230","err":32755,"msg":"no \"luck\"\n","vals":null}"#,
        ),
        (
            "messages",
            false,
            r#"{"evt":0,"vals":[1,"a",2,["hi",1,-2147483649,1e999],4,["b","c","d","e"],9,[1,2,3,4]]}"#,
        ),
        (
            "subscribed",
            false,
            r#"{"evt":5,"vals":[0,["a"],15,[true],22,{"254":true,"255":7},23,["x"]]}"#,
        ),
        (
            "half-pair",
            false,
            r#"{"evt":2,"vals":[3,"\ud83d","\ude00"]}"#,
        ),
        (
            "pair",
            false,
            r#"{"evt":2,"vals":[3,"\ud83d\ude00\u0000\/"]}"#,
        ),
        (
            "numbers",
            false,
            r#"{"evt":9,"vals":[1,-0,2,0.1,3,1E-7,4,9223372036854775807,5,18446744073709551616,6,1e-400]}"#,
        ),
        (
            "keys-twice",
            false,
            r#"{"evt":1,"vals":[1,{"a":1,"a":2}],"vals":[2,3]}"#,
        ),
        ("odd", false, r#"{"evt":1,"vals":[1]}"#),
        ("no-code", false, r#"{"vals":[1,2]}"#),
        ("bad-number", false, r#"{"evt":1,"vals":[1,01]}"#),
        ("bad-escape", false, r#"{"evt":1,"vals":[1,"\x"]}"#),
        ("surplus", false, r#"{"evt":1,"vals":[]}}"#),
        ("code-too-large", false, r#"{"evt":256,"vals":[300,1]}"#),
        ("cut", false, r#"{"evt":1,"vals":["#),
    ];
    let mut all: Vec<_> = objects
        .into_iter()
        .map(|(name, server, object)| (name, server, frame(object)))
        .collect();
    all.push(("session", false, "~m~16~m~0123456789abcdef".into()));
    all.push((
        "several",
        false,
        format!(
            "~m~2~m~ab{}{}",
            frame(r#"{"evt":1}"#),
            frame(r#"{"irs":1,"vals":[1,1,2,2]}"#)
        ),
    ));
    all.push((
        "nested",
        false,
        frame(&format!(
            r#"{{"evt":1,"vals":[1,{}{}]}}"#,
            "[".repeat(40),
            "]".repeat(40)
        )),
    ));
    all.push(("length-lies", false, "~m~99~m~~j~{}".into()));
    all.push(("length-huge", false, "~m~99999999999999999999999~m~".into()));
    all.push(("no-frame", true, "{\"req\":1}".into()));
    all.push((
        "nul",
        true,
        frame(r#"{"req":1,"vals":[1,"a"]}"#).replace('1', "\u{0}1\u{0}"),
    ));
    all
}
