//! Whose account a unit belongs to from the beginning.

use super::Refusal;

/// The accounts that units of this product may be bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// None: a unit belongs to nobody until somebody claims it.
    Unclaimed,
    /// One at a time.
    Bound {
        /// The account of a unit whose caller names none.
        usual: String,
        /// Others that a caller may name.
        others: Vec<String>,
    },
}

impl Accounts {
    /// The account a unit is bound to when its caller asks for `asked`; compared byte for byte, as
    /// devices do (injection 10, check 12).
    ///
    /// # Errors
    /// [`Refusal::UnknownAccount`], [`Refusal::BelongsToNobody`].
    pub fn bind(&self, asked: Option<&str>) -> Result<Option<String>, Refusal> {
        match (self, asked) {
            (Self::Unclaimed, None) => Ok(None),
            (Self::Unclaimed, Some(got)) => Err(Refusal::BelongsToNobody { got: got.to_owned() }),
            (Self::Bound { usual, .. }, None) => Ok(Some(usual.clone())),
            (Self::Bound { usual, others }, Some(got)) => {
                if got == usual || others.iter().any(|other| other == got) {
                    Ok(Some(got.to_owned()))
                } else {
                    Err(Refusal::UnknownAccount { got: got.to_owned() })
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_accounts_on_the_list() {
        let bound = Accounts::Bound { usual: "aa".into(), others: vec!["bb".into()] };
        let unknown = |got: &str| Err(Refusal::UnknownAccount { got: got.to_owned() });
        for (accounts, asked, expected) in [
            (&bound, None, Ok(Some("aa".to_owned()))),
            (&bound, Some("aa"), Ok(Some("aa".to_owned()))),
            (&bound, Some("bb"), Ok(Some("bb".to_owned()))),
            (&bound, Some("BB"), unknown("BB")),
            (&bound, Some("b"), unknown("b")),
            (&bound, Some(""), unknown("")),
            (&Accounts::Unclaimed, None, Ok(None)),
            (
                &Accounts::Unclaimed,
                Some("aa"),
                Err(Refusal::BelongsToNobody { got: "aa".to_owned() }),
            ),
        ] {
            assert_eq!(accounts.bind(asked), expected, "{asked:?}");
        }
    }
}
