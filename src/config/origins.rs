//! The list of sites whose pages may use the server.

/// Any site.
const ANY: &str = "*";

/// The origins in a list separated by commas, as browsers write them: lower case, without the
/// scheme's own port and without a slash at the end.
///
/// # Errors
/// What is wrong with the first one that is no origin.
pub(super) fn parse(list: &str) -> Result<Vec<String>, String> {
    let entries = list.split(',').map(str::trim);
    entries.filter(|it| !it.is_empty()).map(origin).collect()
}

fn origin(entry: &str) -> Result<String, String> {
    if entry == ANY {
        return Ok(entry.to_owned());
    }
    let complain = |what: &str| Err(format!("{entry:?} {what}"));
    let lower = entry.to_ascii_lowercase();
    let Some((scheme, authority)) = lower.split_once("://") else {
        return complain("has no scheme");
    };
    let own_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return complain("is neither https nor http"),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if authority.is_empty() || !authority.chars().all(is_part) {
        return complain("is not a scheme and a host, with a port or without");
    }
    let authority = authority.strip_suffix(own_port).unwrap_or(authority);
    Ok(format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        let list = " https://App.Example , http://localhost:3000/,https://a.example:443,, *";
        let expected = [
            "https://app.example",
            "http://localhost:3000",
            "https://a.example",
            "*",
        ];
        assert_eq!(parse(list).unwrap(), expected);
        assert_eq!(parse(""), Ok(vec![]));
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for entry in [
            "app.example",
            "https://",
            "https://a.example/path",
            "https://*.example",
            "ftp://a.example",
            "https://user@a.example",
            "null",
        ] {
            assert!(parse(entry).is_err(), "{entry}");
        }
    }
}
