//! What the operator may choose: flags, environment, file, defaults, in this order of rank.

mod trusted_proxies;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use serde::{Deserialize, Serialize};

pub use self::trusted_proxies::TrustedProxies;
use crate::cluster;
use crate::cluster::redis::RedisTarget;
use crate::limits::Rules;
use crate::storage::StoreLimits;
use crate::storage::mysql::{Target, TargetError};

/// All options as they are written, absent when they are not. One structure serves the command
/// line, the environment and the file, so that the names are the same everywhere.
#[derive(Clone, Debug, Default, Parser, Serialize, Deserialize)]
#[command(name = "ChatServer", version, about = "A chat server.")]
#[command(after_help = "Every option but --config may also stand in the file, as `name = value`.")]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The address and port to listen on; the address is 0.0.0.0 unless told
    #[arg(value_names = ["IP", "PORT"], num_args = 1..=2)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<String>,
    /// A database on MySQL or MariaDB instead of the embedded store, as
    /// mysql://user:password@host:port/database; the environment hides the password from `ps`
    #[arg(long, value_name = "URL", env = "CHAT_MYSQL", hide_env_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mysql: Option<String>,
    /// Joins the nodes that use the same database, as redis://user:password@host:port/number, of
    /// which only the host is needed
    #[arg(long, value_name = "URL", env = "CHAT_REDIS", hide_env_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<String>,
    /// A TOML file with options
    #[arg(long, value_name = "FILE", env = "CHAT_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Folder of the embedded store [default: data]
    #[arg(long, value_name = "DIR", env = "CHAT_DATA")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Loops that carry connections [default: one for each core]
    #[arg(long, value_name = "N", env = "CHAT_THREADS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Memory of one password hash in KiB; less is for tests and load runs [default: 19456]
    #[arg(long, value_name = "N", env = "CHAT_PASSWORD_KIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_kib: Option<u32>,
    /// Silence after which an acknowledging client is asked whether it is there [default: 30000]
    #[arg(long, value_name = "MS", env = "CHAT_PING_AFTER_MS", value_parser = milliseconds())]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_after_ms: Option<u64>,
    /// Silence after which it is closed [default: 90000]
    #[arg(long, value_name = "MS", env = "CHAT_SILENCE_MS", value_parser = milliseconds())]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence_ms: Option<u64>,
    /// Time to log in [default: 30000]
    #[arg(long, value_name = "MS", env = "CHAT_LOGIN_WITHIN_MS", value_parser = milliseconds())]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_within_ms: Option<u64>,
    /// How long a message may be unacknowledged before it is stored [default: 1500]
    #[arg(long, value_name = "MS", env = "CHAT_PATIENCE_MS", value_parser = milliseconds())]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience_ms: Option<u64>,
    /// Bytes in one object after login [default: 65536]
    #[arg(long, value_name = "BYTES", env = "CHAT_OBJECT_MAX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_max: Option<usize>,
    /// Bytes in one object before login [default: 4096]
    #[arg(long, value_name = "BYTES", env = "CHAT_ANONYMOUS_OBJECT_MAX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous_object_max: Option<usize>,
    /// Connections in all [default: 18000]
    #[arg(long, value_name = "N", env = "CHAT_CONNECTIONS_MAX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_max: Option<usize>,
    /// Connections without login [default: 12000]
    #[arg(long, value_name = "N", env = "CHAT_ANONYMOUS_MAX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous_max: Option<usize>,
    /// Connections from one address, loopback left out [default: 2000]
    #[arg(long, value_name = "N", env = "CHAT_CONNECTIONS_PER_ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_per_address: Option<usize>,
    /// Registrations an hour from one address, loopback left out [default: 200]
    #[arg(long, value_name = "N", env = "CHAT_REGISTRATIONS_PER_ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registrations_per_address: Option<usize>,
    /// Proxies, by network, that begin each connection with a PROXY header [default: none]
    #[arg(long, value_name = "CIDR[,CIDR]", env = "CHAT_PROXY_FROM")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_from: Option<String>,
    /// Where HTTP probers may ask whether all is well; IP is 127.0.0.1 unless told [default: nowhere]
    #[arg(long, value_name = "[IP:]PORT", env = "CHAT_HEALTH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// Friends of one account [default: 10000]
    #[arg(long, value_name = "N", env = "CHAT_FRIENDS_MAX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friends_max: Option<usize>,
    /// Groups of one account [default: 1000]
    #[arg(long, value_name = "N", env = "CHAT_GROUPS_MAX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_max: Option<usize>,
    /// Members of one group [default: 10000]
    #[arg(long, value_name = "N", env = "CHAT_MEMBERS_MAX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_max: Option<usize>,
    /// Messages that wait for one account [default: 100000]
    #[arg(long, value_name = "N", env = "CHAT_ROWS_MAX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_max: Option<usize>,
    /// Bytes queued for one connection before it is cut off [default: 16777216]
    #[arg(long, value_name = "BYTES", env = "CHAT_OUTPUT_MAX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_max: Option<usize>,
    /// Time without progress after which a slow reader is cut off [default: 30000]
    #[arg(long, value_name = "MS", env = "CHAT_WRITE_STALL_MS", value_parser = milliseconds())]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_stall_ms: Option<u64>,
    /// Time to store what is owed when shutting down [default: 5000]
    #[arg(long, value_name = "MS", env = "CHAT_DRAIN_MS", value_parser = milliseconds())]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_ms: Option<u64>,
}

/// The longest time that can be chosen.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A configuration that cannot be used; says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// Everything decided.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Folder of the embedded store.
    pub data: PathBuf,
    /// The database that is used instead of it.
    pub mysql: Option<Target>,
    /// Where the nodes that use this database meet.
    pub redis: Option<RedisTarget>,
    /// Loops that carry connections.
    pub threads: u16,
    /// Memory of one password hash in KiB.
    pub password_kib: u32,
    /// What the chat rules keep to.
    pub rules: Rules,
    /// What the store keeps to.
    pub store_limits: StoreLimits,
    /// Connections in all; more are closed at once. 18,000 leaves descriptors of the usual 20,000.
    pub connections_max: usize,
    /// Connections without login; more are closed at once.
    pub anonymous_max: usize,
    /// Connections from one address; more are closed at once.
    pub connections_per_address: usize,
    /// Registrations an hour from one address; more are told 106.
    pub registrations_per_address: usize,
    /// Peers whose PROXY header says where a client is.
    pub proxy_from: TrustedProxies,
    /// Where health is told, if it is.
    pub health: Option<SocketAddr>,
    /// Bytes queued for one connection; it is cut off beyond. More than the largest login answer.
    pub output_max: usize,
    /// A connection whose queue made no progress for so long is cut off.
    pub write_stall: Duration,
    /// Time for storing what is owed when shutting down.
    pub drain: Duration,
}

impl Config {
    /// Reads the command line and environment, and the file if one is named. Ends the process
    /// on `--help`, `--version` and misspelled flags, as command line programs do.
    pub fn load() -> Result<Self, ConfigError> {
        let flags = Settings::parse();
        let file = match &flags.config {
            None => Settings::default(),
            Some(path) => {
                let name = path.display();
                let text = std::fs::read_to_string(path)
                    .map_err(|error| ConfigError(format!("cannot read {name}: {error}")))?;
                toml::from_str(&text).map_err(|error| ConfigError(format!("{name}: {error}")))?
            }
        };
        Self::resolve(flags.over(&file)?)
    }

    /// Fills in the defaults and checks what was chosen.
    pub fn resolve(settings: Settings) -> Result<Self, ConfigError> {
        let redis = settings.redis.as_deref().map(str::parse).transpose();
        let redis = redis
            .map_err(|error: cluster::redis::TargetError| ConfigError(format!("redis {error}")))?;
        if redis.is_some() && settings.mysql.is_none() {
            let text = "redis joins nodes that share a database: say which with mysql";
            return Err(ConfigError(text.to_owned()));
        }
        let mysql = settings.mysql.as_deref().map(str::parse).transpose();
        let mysql = mysql.map_err(|error: TargetError| ConfigError(format!("mysql {error}")))?;
        let rules = Rules::default();
        let ms =
            |chosen: Option<u64>, default: Duration| chosen.map_or(default, Duration::from_millis);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = settings.threads.unwrap_or(cores);
        let config = Self {
            listen: listen_address(&settings.listen)?,
            data: settings.data.unwrap_or_else(|| "data".into()),
            mysql,
            redis,
            threads: threads.try_into().ok().filter(|n| (1..=1024).contains(n)).ok_or_else(
                || ConfigError(format!("threads is {threads}, but must be 1 to 1024")),
            )?,
            password_kib: settings.password_kib.unwrap_or(19_456),
            rules: Rules {
                ping_after: ms(settings.ping_after_ms, rules.ping_after),
                silence: ms(settings.silence_ms, rules.silence),
                login_within: ms(settings.login_within_ms, rules.login_within),
                patience: ms(settings.patience_ms, rules.patience),
                object_max: settings.object_max.unwrap_or(rules.object_max),
                anonymous_object_max: settings
                    .anonymous_object_max
                    .unwrap_or(rules.anonymous_object_max),
                login_members_max: rules.login_members_max,
            },
            store_limits: StoreLimits {
                friends_max: settings.friends_max.unwrap_or(10_000),
                groups_max: settings.groups_max.unwrap_or(1_000),
                members_max: settings.members_max.unwrap_or(10_000),
                rows_max: settings.rows_max.unwrap_or(100_000),
            },
            connections_max: settings.connections_max.unwrap_or(18_000),
            anonymous_max: settings.anonymous_max.unwrap_or(12_000),
            connections_per_address: settings.connections_per_address.unwrap_or(2_000),
            registrations_per_address: settings.registrations_per_address.unwrap_or(200),
            proxy_from: settings
                .proxy_from
                .as_deref()
                .map_or_else(|| Ok(TrustedProxies::default()), TrustedProxies::parse)?,
            health: settings.health.as_deref().map(health_address).transpose()?,
            output_max: settings.output_max.unwrap_or(16 << 20),
            write_stall: ms(settings.write_stall_ms, Duration::from_secs(30)),
            drain: ms(settings.drain_ms, Duration::from_secs(5)),
        };
        config.check()
    }

    fn check(self) -> Result<Self, ConfigError> {
        let positive = [
            ("ping-after-ms", self.rules.ping_after),
            ("silence-ms", self.rules.silence),
            ("login-within-ms", self.rules.login_within),
            ("patience-ms", self.rules.patience),
            ("write-stall-ms", self.write_stall),
            ("drain-ms", self.drain),
        ];
        let allowed = Duration::from_millis(1)..=DURATION_MAX;
        if let Some((name, _)) = positive.iter().find(|(_, value)| !allowed.contains(value)) {
            let max = DURATION_MAX.as_millis();
            return Err(ConfigError(format!("{name} must be 1 to {max} (a day)")));
        }
        if self.rules.silence <= self.rules.ping_after {
            let text = "silence-ms must be more than ping-after-ms, or nobody is ever asked";
            return Err(ConfigError(text.to_owned()));
        }
        let object_max = self.rules.object_max.max(self.rules.anonymous_object_max);
        for (name, bytes) in [
            ("object-max", self.rules.object_max),
            ("anonymous-object-max", self.rules.anonymous_object_max),
        ] {
            if !(64..=16 << 20).contains(&bytes) {
                return Err(ConfigError(format!("{name} must be 64 bytes to 16 MiB")));
            }
        }
        let output_min = (1 << 20) + 2 * object_max;
        if self.output_max < output_min {
            let text = format!(
                "output-max must be at least {output_min}: what may be in flight to one client"
            );
            return Err(ConfigError(text));
        }
        Ok(self)
    }
}

impl Settings {
    /// These settings, and those of `file` where these are silent.
    fn over(self, file: &Self) -> Result<Self, ConfigError> {
        let table = |settings: &Self| {
            toml::Table::try_from(settings).map_err(|error| ConfigError(error.to_string()))
        };
        let mut merged = table(file)?;
        merged.extend(table(&self)?);
        merged.try_into().map_err(|error: toml::de::Error| ConfigError(error.to_string()))
    }
}

/// Refused by the parser beyond what the other layers can hold; the bounds are checked later.
fn milliseconds() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(..=i64::MAX as u64)
}

fn listen_address(listen: &[String]) -> Result<SocketAddr, ConfigError> {
    let (ip, port) = match listen {
        [port] => (None, port),
        [ip, port] => (Some(ip), port),
        _ => {
            let text = "say where to listen: ChatServer [IP] PORT, for example ChatServer 6000";
            return Err(ConfigError(text.to_owned()));
        }
    };
    let address = match ip {
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Some(ip) => ip.parse().map_err(|_| ConfigError(format!("{ip} is no IP address")))?,
    };
    let port = port.parse().map_err(|_| ConfigError(format!("{port} is no port (0 to 65535)")))?;
    Ok(SocketAddr::new(address, port))
}

/// Loopback unless told: what it tells is nobody else's business.
fn health_address(text: &str) -> Result<SocketAddr, ConfigError> {
    let local = text.parse().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    local.or_else(|_| text.parse()).map_err(|_| {
        ConfigError(format!("health: {text:?} is no port, and no IP:PORT as in 10.0.0.1:6001"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(arguments: &[&str]) -> Settings {
        Settings::try_parse_from([&["ChatServer"], arguments].concat()).expect("good flags")
    }

    fn file(text: &str) -> Settings {
        toml::from_str(text).expect("good file")
    }

    #[test]
    fn a_port_alone_is_enough() {
        let config = Config::resolve(flags(&["6000"])).expect("complete");
        assert_eq!(config.listen.to_string(), "0.0.0.0:6000");
        assert_eq!(config.data, PathBuf::from("data"));
        assert_eq!(config.rules.object_max, 65_536);
    }

    #[test]
    fn health_is_told_on_loopback_unless_an_address_is_named() {
        let told = |text| Config::resolve(flags(&["6000", "--health", text])).expect("good").health;
        for (text, address) in [
            ("6001", "127.0.0.1:6001"),
            ("0.0.0.0:6001", "0.0.0.0:6001"),
            ("[::1]:6001", "[::1]:6001"),
        ] {
            assert_eq!(told(text).map(|at| at.to_string()).as_deref(), Some(address));
        }
        assert_eq!(Config::resolve(flags(&["6000"])).expect("good").health, None);
    }

    #[test]
    fn flags_go_before_the_file() {
        let merged = flags(&["::1", "6000", "--threads", "3"])
            .over(&file("threads = 5\ndata = \"elsewhere\"\nlisten = [\"7000\"]"))
            .expect("merges");
        let config = Config::resolve(merged).expect("complete");
        assert_eq!(config.threads, 3);
        assert_eq!(config.data, PathBuf::from("elsewhere"));
        assert_eq!(config.listen.to_string(), "[::1]:6000");
    }

    #[test]
    fn a_database_server_is_named_by_a_url_that_is_not_shown() {
        let url = "mysql = \"mysql://ann:secret@localhost/chat\"";
        let config = Config::resolve(flags(&["6000"]).over(&file(url)).expect("merges"));
        let shown = format!("{:?}", config.expect("complete"));
        assert!(shown.contains("mysql://ann@localhost:3306/chat"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn mistakes_are_named() {
        let check = |settings: Settings, part: &str| {
            let error = Config::resolve(settings).expect_err("must be refused").to_string();
            assert!(error.contains(part), "{error}");
        };
        check(Settings::default(), "ChatServer [IP] PORT");
        check(flags(&["6000", "--threads", "0"]), "threads is 0");
        check(flags(&["here", "6000"]), "here is no IP address");
        check(flags(&["70000"]), "70000 is no port");
        check(flags(&["6000", "--patience-ms", "0"]), "patience-ms");
        check(flags(&["6000", "--drain-ms", "86400001"]), "drain-ms");
        check(flags(&["6000", "--proxy-from", "10.0.0.0/33"]), "proxy-from");
        check(flags(&["6000", "--health", "here:1"]), "health");
        check(flags(&["6000", "--silence-ms", "30000"]), "silence-ms");
        check(flags(&["6000", "--mysql", "mysql://localhost"]), "mysql must look like");
        check(flags(&["6000", "--redis", "redis://localhost"]), "say which with mysql");
        let mysql = "mysql://chat@localhost/chat";
        let wrong = ["6000", "--mysql", mysql, "--redis", "http://localhost"];
        check(flags(&wrong), "redis must be redis://");
        let unknown = toml::from_str::<Settings>("thread = 1").expect_err("unknown key");
        assert!(unknown.to_string().contains("thread"), "{unknown}");
    }
}
