//! Where events go: resolved once per process, by this one function.
//!
//! The server comes from the command line or `SPEC_KITTY_SERVER_URL`, else from
//! `config.toml`, else from the credentials. The account comes from the
//! credentials alone. When the two name different servers nothing is sent, and
//! the disagreement is a state that every diagnostic can show.

use super::credentials::{Account, Credentials, Session, Unusable};
use crate::config::Config;
use crate::server_url::ServerUrl;

/// Who named the server.
///
/// ```
/// use spec_kitty::auth::{ChosenBy, Recipient, Session};
/// use spec_kitty::config::Config;
/// use spec_kitty::server_url::ServerUrl;
///
/// let mut config = Config::default();
/// config.sync.server_url = Some(ServerUrl::parse("https://kitty.example.org")?);
/// let recipient = Recipient::resolve(None, &config, Session::SignedOut);
/// let by = recipient.server().map(|chosen| chosen.by);
/// assert_eq!(by, Some(ChosenBy::Config));
/// # Ok::<(), spec_kitty::server_url::ServerUrlError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// `--server` or `SPEC_KITTY_SERVER_URL`.
    Caller,
    /// `[sync] server_url` of `config.toml`.
    Config,
    /// The credentials, because nothing else names one.
    Credentials,
}

/// A server and who named it.
///
/// ```
/// use spec_kitty::auth::{Chosen, ChosenBy, Recipient, Session};
/// use spec_kitty::config::Config;
/// use spec_kitty::server_url::ServerUrl;
///
/// let server = ServerUrl::parse("https://kitty.example.org")?;
/// let recipient = Recipient::resolve(Some(&server), &Config::default(), Session::SignedOut);
/// let by = ChosenBy::Caller;
/// assert_eq!(recipient.server(), Some(Chosen { server, by }));
/// # Ok::<(), spec_kitty::server_url::ServerUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The server.
    pub server: ServerUrl,
    /// Who named it.
    pub by: ChosenBy,
}

/// To whom events may be sent at this moment.
///
/// ```
/// use jiff::Timestamp;
/// use spec_kitty::auth::{Recipient, Session};
/// use spec_kitty::config::Config;
/// use spec_kitty::server_url::ServerUrl;
///
/// let text = "[tokens]\naccess = 'A'\nrefresh = 'R'\n\
///             [user]\nusername = 'alice'\n[server]\nurl = 'https://kitty.example.org'\n";
/// let session = Session::parse(text, Timestamp::now());
/// let recipient = Recipient::resolve(None, &Config::default(), session.clone());
/// assert!(matches!(recipient, Recipient::Ready(_)));
///
/// // A token goes to no server but its issuer.
/// let other = ServerUrl::parse("https://other.example.org")?;
/// let recipient = Recipient::resolve(Some(&other), &Config::default(), session);
/// assert!(matches!(recipient, Recipient::Disagreement { .. }));
/// # Ok::<(), spec_kitty::server_url::ServerUrlError>(())
/// ```
#[derive(Clone, Debug)]
pub enum Recipient {
    /// Somebody is signed in and everything agrees.
    Ready(Credentials),
    /// Nobody is signed in.
    SignedOut {
        /// The server that a sign-in would go to.
        server: Option<Chosen>,
    },
    /// Somebody was signed in and must sign in again.
    Ended(Account),
    /// Signed in to one server, told to use another: nothing is sent.
    Disagreement {
        /// The account of the credentials.
        account: Account,
        /// The other server.
        chosen: Chosen,
    },
    /// The credentials cannot be used.
    Unreadable(Unusable),
}

impl Recipient {
    /// Decides where events go. `chosen` is the server named by the caller.
    #[must_use]
    pub fn resolve(chosen: Option<&ServerUrl>, config: &Config, session: Session) -> Self {
        let named = chosen
            .map(|server| (server, ChosenBy::Caller))
            .or_else(|| {
                config
                    .sync
                    .server_url
                    .as_ref()
                    .map(|s| (s, ChosenBy::Config))
            })
            .map(|(server, by)| Chosen {
                server: server.clone(),
                by,
            });
        let other = |account: &Account| named.clone().filter(|n| n.server != account.server);
        match session {
            Session::SignedOut => Self::SignedOut { server: named },
            Session::Unreadable(unusable) => Self::Unreadable(unusable),
            Session::Ended(account) => match other(&account) {
                Some(chosen) => Self::Disagreement { account, chosen },
                None => Self::Ended(account),
            },
            Session::Active(credentials) => match other(&credentials.account) {
                Some(chosen) => Self::Disagreement {
                    account: credentials.account,
                    chosen,
                },
                None => Self::Ready(credentials),
            },
        }
    }

    /// The account of the credentials, in whatever state it is.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Ready(credentials) => Some(&credentials.account),
            Self::Ended(account) | Self::Disagreement { account, .. } => Some(account),
            Self::SignedOut { .. } | Self::Unreadable(_) => None,
        }
    }

    /// The server that a sign-in without further words goes to.
    #[must_use]
    pub fn server(&self) -> Option<Chosen> {
        match self {
            Self::SignedOut { server } => server.clone(),
            Self::Disagreement { chosen, .. } => Some(chosen.clone()),
            Self::Ready(Credentials { account, .. }) | Self::Ended(account) => Some(Chosen {
                server: account.server.clone(),
                by: ChosenBy::Credentials,
            }),
            Self::Unreadable(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn session(url: &str) -> Session {
        let text = format!(
            "[tokens]\naccess = \"A\"\nrefresh = \"R\"\n[user]\nusername = \"alice\"\n[server]\nurl = \"{url}\"\n"
        );
        Session::parse(&text, Timestamp::now())
    }

    fn config(url: &str) -> Config {
        let mut config = Config::default();
        config.sync.server_url = ServerUrl::parse(url).ok();
        config
    }

    #[test]
    fn the_caller_precedes_the_configuration() {
        let caller = ServerUrl::parse("https://caller.org").unwrap();
        let resolve = |chosen| {
            Recipient::resolve(chosen, &config("https://config.org"), Session::SignedOut)
                .server()
                .unwrap()
        };
        assert_eq!(resolve(Some(&caller)).by, ChosenBy::Caller);
        assert_eq!(resolve(None).by, ChosenBy::Config);
        let nothing = Recipient::resolve(None, &Config::default(), Session::SignedOut);
        assert_eq!(nothing.server(), None, "there is no built-in server");
    }

    #[test]
    fn two_servers_are_a_disagreement_and_two_spellings_are_not() {
        let ready = Recipient::resolve(
            None,
            &config("HTTPS://A.org:443/"),
            session("https://a.org"),
        );
        assert!(matches!(ready, Recipient::Ready(_)));
        let differ = Recipient::resolve(None, &config("https://b.org"), session("https://a.org"));
        assert!(
            matches!(&differ, Recipient::Disagreement { chosen, .. } if chosen.by == ChosenBy::Config)
        );
        assert_eq!(differ.account().unwrap().server.as_str(), "https://a.org");
        let alone = Recipient::resolve(None, &Config::default(), session("https://a.org"));
        assert_eq!(alone.server().unwrap().by, ChosenBy::Credentials);
    }
}
