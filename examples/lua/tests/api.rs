//! The documented API, over three transports.

mod common;

use std::fs;

/// Runs one script over each transport, with a server of its own.
fn run_everywhere(name: &str) {
    let file = common::scripts().join(format!("{name}.lua"));
    let source = fs::read_to_string(&file).unwrap();
    for (transport_name, transport) in common::TRANSPORTS {
        let server = common::server();
        let lua = common::lua(&server, transport_name, transport);
        common::run(&lua, &format!("{name}.lua over {transport_name}"), &source);
    }
}

macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                run_everywhere(stringify!($name));
            }
        )*

        /// A script that is not listed above would never run.
        #[test]
        fn every_script_is_run() {
            let listed = [$(stringify!($name)),*, "support"];
            for entry in fs::read_dir(common::scripts()).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                assert!(listed.contains(&name.as_str()), "{name}.lua is not run");
            }
        }
    };
}

scripts! {
    channels,
    classes,
    connect,
    construction,
    coroutines,
    enums,
    errors,
    finalizers,
    friends,
    hostile,
    many,
    modules,
    native,
    nesting,
    values,
}
