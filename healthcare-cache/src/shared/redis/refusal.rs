//! What an error of the server means for the tier.

use crate::shared::error::SharedError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// What Redis 7 begins with when it refuses a command inside of a script; later ones answer as outside of it.
const IN_A_SCRIPT: &str = "The user executing the script can't";

impl From<RedisError> for SharedError {
    fn from(error: RedisError) -> Self {
        let means: fn(Box<dyn std::error::Error + Send + Sync>) -> Self = match (error.kind(), error.code()) {
            (ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm), _)
            | (_, Some("NOPERM" | "NOAUTH" | "WRONGPASS")) => Self::Refused,
            _ if error.detail().is_some_and(|detail| detail.starts_with(IN_A_SCRIPT)) => Self::Refused,
            (_, Some("OOM")) => Self::Full,
            (
                ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot),
                _,
            ) => Self::Cluster,
            _ => Self::Away,
        };
        means(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(answer: &str) -> SharedError {
        let answer = format!("-{answer}\r\n");
        let value = redis::parse_redis_value(answer.as_bytes()).expect("an error of the server");
        SharedError::from(value.extract_error().expect_err("an error of the server"))
    }

    #[test]
    fn what_somebody_has_to_mend_is_told_from_what_passes() {
        for refused in [
            "NOPERM this user has no permissions to run the 'eval' command",
            "NOAUTH Authentication required.",
            "WRONGPASS invalid username-password pair or user is disabled.",
            "ERR The user executing the script can't publish to the channel mentioned in the command script: a, on @user_script:1.",
        ] {
            assert!(matches!(meaning(refused), SharedError::Refused(_)), "{refused}");
        }
        let full = "OOM command not allowed when used memory > 'maxmemory'. script: a, on @user_script:1.";
        assert!(matches!(meaning(full), SharedError::Full(_)));
        for cluster in ["MOVED 3999 127.0.0.1:6381", "ASK 3999 127.0.0.1:6381", "CROSSSLOT Keys in request"] {
            assert!(matches!(meaning(cluster), SharedError::Cluster(_)), "{cluster}");
        }
        for passing in ["CLUSTERDOWN The cluster is down", "TRYAGAIN", "LOADING", "READONLY", "ERR unknown"] {
            assert!(matches!(meaning(passing), SharedError::Away(_)), "{passing}");
        }
        let io = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert!(matches!(SharedError::from(io), SharedError::Away(_)));
    }
}
