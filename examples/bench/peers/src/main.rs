#![forbid(unsafe_code)]
mod enet;
mod formats;
use photon_bench::measure;
fn main() {
    let mut cases = formats::cases();
    cases.extend(enet::cases());
    let a: Vec<String> = std::env::args().skip(1).collect();
    if a.first().is_some_and(|a| a == measure::RUN) {
        assert!(measure::run(&cases, &a[1]));
        return;
    }
    print!("{}", photon_bench::baselines::text(&measure::rows(&cases)));
    println!(
        "{} {}",
        enet::over_loopback(100_000),
        photon_bench::udp::over_loopback(100_000)
    );
}
