//! The documentation page: its table has every name of the page of the official SDK, with the
//! scripts that cover it.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The names of the page, and as what the scripts list them after `-- covers:`.
const PAGE: &[(&str, &str)] = &[
    ("`new(serverAddress, appId, appVersion, options)`", "new"),
    ("`new({serverAddress, appId, appVersion})`", "new(table)"),
    (
        "option `encryptedAuthentication`",
        "new.encryptedAuthentication",
    ),
    ("option `crcEnabled`", "new.crcEnabled"),
    ("`client.state`", "state"),
    ("`client.appId`", "appId"),
    ("`client.appVersion`", "appVersion"),
    ("`client.logger`", "logger"),
    ("`logger:error(..)`", "logger.error"),
    ("`logger:warn(..)`", "logger.warn"),
    ("`logger:info(..)`", "logger.info"),
    ("`logger:debug(..)`", "logger.debug"),
    ("`logger:trace(..)`", "logger.trace"),
    ("`service()`", "service"),
    ("`setUserId(id)`", "setUserId"),
    ("`getUserId()`", "getUserId"),
    (
        "`setCustomAuthentication(params, type, data)`",
        "setCustomAuthentication",
    ),
    ("`connectToNameServer(options)`", "connectToNameServer"),
    ("`getRegions()`", "getRegions"),
    (
        "`onGetRegionsResult(errorCode, errorMsg, regions)`",
        "onGetRegionsResult",
    ),
    ("`isConnectedToNameServer()`", "isConnectedToNameServer"),
    (
        "`connectToRegionFrontEnd(region)`",
        "connectToRegionFrontEnd",
    ),
    ("`isConnectedToFrontEnd()`", "isConnectedToFrontEnd"),
    ("`disconnect()`", "disconnect"),
    ("`setLogLevel(level)`", "setLogLevel"),
    ("`reset(connect)`", "reset"),
    ("`subscribe(channelNames, options)`", "subscribe"),
    ("option `historyLength`", "subscribe.historyLength"),
    ("option `lastIds`", "subscribe.lastIds"),
    ("`unsubscribe(channelNames)`", "unsubscribe"),
    (
        "`publishMessage(channelName, content, options)`",
        "publishMessage",
    ),
    ("option `webForward`", "publishMessage.webForward"),
    (
        "`sendPrivateMessage(userId, content, options)`",
        "sendPrivateMessage",
    ),
    ("option `encrypt`", "sendPrivateMessage.encrypt"),
    (
        "option `webForward` (private)",
        "sendPrivateMessage.webForward",
    ),
    (
        "`setUserStatus(status, statusMessage, skipMessage)`",
        "setUserStatus",
    ),
    ("`addFriends(userIds)`", "addFriends"),
    ("`removeFriends(userIds)`", "removeFriends"),
    ("`getPublicChannels()`", "getPublicChannels"),
    ("`getPrivateChannels()`", "getPrivateChannels"),
    ("`onStateChange(state)`", "onStateChange"),
    ("`onError(errorCode, errorMsg)`", "onError"),
    ("`onSubscribeResult(results)`", "onSubscribeResult"),
    ("`onUnsubscribeResult(results)`", "onUnsubscribeResult"),
    ("`onChatMessages(channelName, messages)`", "onChatMessages"),
    (
        "`onPrivateMessage(channelName, message)`",
        "onPrivateMessage",
    ),
    (
        "`onUserStatusUpdate(userId, status, gotMessage, statusMessage)`",
        "onUserStatusUpdate",
    ),
    (
        "`onOperationResponse(errorCode, errorMsg, opCode, params)`",
        "onOperationResponse",
    ),
    ("`onEvent(code, content, actorNr)`", "onEvent"),
    ("`StateToName(state)`", "StateToName"),
    ("`UserStatusToName(status)`", "UserStatusToName"),
    ("`channel:getName()`", "Channel.getName"),
    ("`channel:isPrivate()`", "Channel.isPrivate"),
    ("`channel:getMessages()`", "Channel.getMessages"),
    ("`channel:clearMessages()`", "Channel.clearMessages"),
    ("`channel:getLastId()`", "Channel.getLastId"),
    ("`message:getSender()`", "Message.getSender"),
    ("`message:getContent()`", "Message.getContent"),
    ("`tableutil.toStringReq(t)`", "tableutil.toStringReq"),
    ("`socket.sleep`, `socket.gettime`", "socket"),
    ("`constants.ErrorCode`", "ErrorCode"),
];

/// The enums of the page, with their values.
const ENUMS: &[(&str, &[&str])] = &[
    (
        "State",
        &[
            "Error",
            "Uninitialized",
            "ConnectingToNameServer",
            "ConnectedToNameServer",
            "ConnectingToFrontEnd",
            "ConnectedToFrontEnd",
            "Disconnected",
        ],
    ),
    (
        "PeerErrorCode",
        &[
            "Ok",
            "FrontEndError",
            "FrontEndConnectFailed",
            "FrontEndConnectClosed",
            "FrontEndTimeout",
            "FrontEndEncryptionEstablishError",
            "FrontEndAuthenticationFailed",
            "NameServerError",
            "NameServerConnectFailed",
            "NameServerConnectClosed",
            "NameServerTimeout",
            "NameServerEncryptionEstablishError",
            "NameServerAuthenticationFailed",
        ],
    ),
    (
        "UserStatus",
        &[
            "Offline",
            "Invisible",
            "Online",
            "Away",
            "Dnd",
            "Lfg",
            "Playing",
        ],
    ),
];

/// The scripts that cover each name.
fn covered() -> BTreeMap<String, Vec<String>> {
    let mut covered = BTreeMap::<String, Vec<String>>::new();
    for entry in fs::read_dir(common::scripts()).unwrap() {
        let path = entry.unwrap().path();
        let script = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = fs::read_to_string(&path).unwrap();
        let lines = source
            .lines()
            .filter_map(|line| line.strip_prefix("-- covers: "));
        for name in lines.flat_map(|line| line.split(", ")) {
            covered
                .entry(name.to_owned())
                .or_default()
                .push(script.clone());
        }
    }
    for scripts in covered.values_mut() {
        scripts.sort();
    }
    covered
}

fn table() -> String {
    let covered = covered();
    let mut table = String::from("| On the page | Here | Tested by |\n| --- | --- | --- |\n");
    let mut row = |page: &str, here: &str, key: &str| {
        let scripts = covered.get(key);
        let scripts = scripts.unwrap_or_else(|| panic!("no script covers {key}"));
        let scripts = scripts.iter().map(|script| format!("`{script}`"));
        let scripts = scripts.collect::<Vec<_>>().join(", ");
        writeln!(table, "| {page} | {here} | {scripts} |").unwrap();
    };
    for (page, key) in PAGE {
        row(page, "the same", key);
    }
    for (name, values) in ENUMS {
        for value in *values {
            let full = format!("{name}.{value}");
            row(&format!("`{full}`"), "the same", &full);
        }
    }
    table
}

/// `PHOTON_WRITE_PAGE=1 cargo test --test page` writes the table anew.
#[test]
fn the_table_of_the_page_is_what_the_tests_cover() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/photon-chat-from-lua.md");
    let page = fs::read_to_string(&path).unwrap();
    let (begin, end) = (
        "<!-- table: written by tests/page.rs -->\n",
        "<!-- end of the table -->",
    );
    let (before, rest) = page.split_once(begin).expect("the page has the mark");
    let (_, after) = rest.split_once(end).expect("the page has the other mark");
    let wanted = format!("{before}{begin}{}{end}{after}", table());
    if std::env::var_os("PHOTON_WRITE_PAGE").is_some() {
        fs::write(&path, &wanted).unwrap();
        return;
    }
    assert!(
        page == wanted,
        "write the table: PHOTON_WRITE_PAGE=1 cargo test --test page"
    );
}
