//! What the command line says.

use clap::Parser;

/// The terminal client of the chat server.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "ChatClient", version, about)]
pub struct Args {
    /// Address or name of the server.
    #[arg(value_name = "IP")]
    pub host: String,
    /// Port of the server.
    pub port: u16,
    /// Take an account over that is online elsewhere, without asking.
    #[arg(long)]
    pub force: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line() {
        Args::command().debug_assert();
        let args = Args::try_parse_from(["ChatClient", "127.0.0.1", "6000"]).unwrap();
        assert_eq!(args, Args { host: "127.0.0.1".to_owned(), port: 6000, force: false });
        assert!(Args::try_parse_from(["ChatClient", "::1", "1", "--force"]).unwrap().force);
        for wrong in [&["ChatClient"][..], &["ChatClient", "a"], &["ChatClient", "a", "70000"]] {
            assert!(Args::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }
}
