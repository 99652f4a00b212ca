//! What a source file names: the paths of `use` trees, types, expressions and macros, with lines.
//!
//! The compiler's own tokens are read, so comments and strings do not count, and what stands inside
//! a macro does.

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};

/// One path as it is written, `use` trees taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// `["crate", "store", "MemoryRoomStore"]`; a glob ends in `*`.
    pub(super) segments: Vec<String>,
    /// Line in the file, from 1.
    pub(super) line: usize,
    /// Whether it stands in a `use`.
    pub(super) imported: bool,
    /// Whether it is compiled for tests only.
    pub(super) in_test: bool,
    /// The module that it stands in.
    pub(super) module: Vec<String>,
}

/// A module that a file declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declared {
    /// Its full path.
    pub(super) module: Vec<String>,
    /// Whether it is compiled for tests only.
    pub(super) in_test: bool,
}

/// Everything that a file says about other places.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Paths, in order.
    pub(super) names: Vec<Name>,
    /// `mod` items, with and without a body.
    pub(super) modules: Vec<Declared>,
}

/// Reads the file of `module`.
pub(super) fn read(module: &[String], text: &str, in_test: bool) -> Names {
    let tokens: TokenStream = text.parse().expect("the compiler has read this file");
    let mut names = Names::default();
    let place = Place {
        module: module.to_vec(),
        in_test,
    };
    Reader {
        place,
        tokens: tokens.into_iter().collect(),
        at: 0,
    }
    .read(&mut names);
    names
}

#[derive(Debug, Clone)]
struct Place {
    module: Vec<String>,
    in_test: bool,
}

/// Reads the tokens between two brackets.
struct Reader {
    place: Place,
    tokens: Vec<TokenTree>,
    at: usize,
}

impl Reader {
    fn inside(place: &Place, group: &Group) -> Self {
        Self {
            place: place.clone(),
            tokens: group.stream().into_iter().collect(),
            at: 0,
        }
    }

    fn read(mut self, out: &mut Names) {
        let usual = self.place.in_test;
        let mut importing = false;
        while let Some(token) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            match token {
                TokenTree::Ident(word) if word == "mod" => self.module(out),
                TokenTree::Ident(word) if word == "use" => importing = true,
                TokenTree::Ident(word) => self.path(&[], &word, importing, out),
                TokenTree::Punct(sign) if sign.as_char() == ';' => {
                    importing = false;
                    self.place.in_test = usual;
                }
                TokenTree::Group(group) => {
                    self.place.in_test |= self.is_test_attribute(&group);
                    Self::inside(&self.place, &group).read(out);
                    if group.delimiter() == Delimiter::Brace {
                        self.place.in_test = usual;
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Whether this is the bracket of `#[cfg(test)]`.
    fn is_test_attribute(&self, group: &Group) -> bool {
        let hash = self
            .at
            .checked_sub(2)
            .and_then(|before| self.tokens.get(before));
        matches!(hash, Some(TokenTree::Punct(sign)) if sign.as_char() == '#')
            && group.stream().to_string().replace(' ', "") == "cfg(test)"
    }

    /// What follows on `mod`.
    fn module(&mut self, out: &mut Names) {
        let Some(TokenTree::Ident(name)) = self.tokens.get(self.at).cloned() else {
            return;
        };
        let usual = self.place.clone();
        self.place.module.push(name.to_string());
        let Place { module, in_test } = self.place.clone();
        out.modules.push(Declared { module, in_test });
        self.at += 1;
        if let Some(TokenTree::Group(body)) = self.tokens.get(self.at).cloned() {
            Self::inside(&self.place, &body).read(out);
            self.at += 1;
            self.place.in_test = false;
        }
        self.place.module = usual.module;
    }

    /// A path from its first word on, behind the prefix of a `use` tree.
    fn path(&mut self, prefix: &[String], first: &Ident, imported: bool, out: &mut Names) {
        let line = first.span().start().line;
        let mut segments = prefix.to_vec();
        segments.push(first.to_string());
        while self.at_double_colon() {
            match self.tokens.get(self.at + 2).cloned() {
                Some(TokenTree::Ident(word)) => segments.push(word.to_string()),
                Some(TokenTree::Punct(sign)) if sign.as_char() == '*' => segments.push("*".into()),
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    self.at += 3;
                    return Self::inside(&self.place, &group).branches(&segments, out);
                }
                Some(_) | None => break,
            }
            self.at += 3;
        }
        let Place { module, in_test } = self.place.clone();
        out.names.push(Name {
            segments,
            line,
            imported,
            in_test,
            module,
        });
    }

    /// The branches of a `use` tree.
    fn branches(mut self, prefix: &[String], out: &mut Names) {
        while let Some(token) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            if let TokenTree::Ident(word) = token {
                self.path(prefix, &word, true, out);
            }
        }
    }

    fn at_double_colon(&self) -> bool {
        let colon = |at: usize, spacing: Option<Spacing>| {
            matches!(self.tokens.get(at), Some(TokenTree::Punct(sign))
                if sign.as_char() == ':' && spacing.is_none_or(|wanted| wanted == sign.spacing()))
        };
        colon(self.at, Some(Spacing::Joint)) && colon(self.at + 1, None)
    }
}
