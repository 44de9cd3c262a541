//! A bot that connects a channel of one server with a channel of another.
//!
//! ```sh
//! cargo run -p photon-dev-server
//! cargo run --manifest-path examples/tokio/Cargo.toml -- udp://127.0.0.1:5058/lobby tcp://127.0.0.1:4533/trade
//! ```

mod bridge;

use bridge::{Side, bridge};
use std::env;
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [left, right] = arguments.as_slice() else {
        return Err(
            "usage: bridge-bot ADDRESS/CHANNEL ADDRESS/CHANNEL, for example: \
                    bridge-bot udp://127.0.0.1:5058/lobby tcp://127.0.0.1:4533/trade"
                .into(),
        );
    };
    let app_id = env::var("PHOTON_APP_ID").unwrap_or_else(|_| "app".to_owned());
    let stop = async {
        // Without a handler for Ctrl-C the bot runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    };
    bridge(
        Side::connect(left, &app_id)?,
        Side::connect(right, &app_id)?,
        stop,
    )
    .await
}
