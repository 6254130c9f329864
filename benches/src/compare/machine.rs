//! Where, when and with what was measured.

use std::fs;
use std::process::Command;

/// Packages whose versions belong to the figures.
const PACKAGES: [&str; 6] =
    ["ngircd", "nats-server", "mosquitto", "ejabberd", "mariadb-server", "redis-server"];

/// One paragraph: the date, the machine, and the versions of all that is installed.
pub(super) fn description() -> String {
    let date = jiff::Zoned::now().strftime("%Y-%m-%d");
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model_in(&cpuinfo).unwrap_or("unknown processor");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let machine = crate::arguments::machine();
    let kernel = kernel.trim();
    format!("{date}; {model}, {machine}; Linux {kernel}; {}", versions().join(", "))
}

/// As Debian's packages have them; nothing elsewhere.
fn versions() -> Vec<String> {
    let version = |package: &&str| {
        let mut query = Command::new("dpkg-query");
        let output = query.args(["-W", "-f", "${Version}", package]).output().ok()?;
        let version = String::from_utf8(output.stdout).ok()?;
        (output.status.success() && !version.is_empty()).then(|| format!("{package} {version}"))
    };
    PACKAGES.iter().filter_map(version).collect()
}

fn model_in(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_found() {
        assert_eq!(model_in("processor\t: 0\nmodel name\t: Some CPU 3\n"), Some("Some CPU 3"));
        assert_eq!(model_in(""), None);
    }
}
