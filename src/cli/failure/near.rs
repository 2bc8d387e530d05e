//! What was probably meant by a name that does not exist, among those that do.

use crate::suggest;
use crate::workflow::feature::Slug;

/// The one of `known` that is nearest to `typed`, if any is near.
pub(in crate::cli) fn near<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    suggest::nearest(typed, known).and_then(|index| known.get(index).copied())
}

/// The same of features: by the whole slug, by the name behind the number, or by
/// the number alone where one feature has it.
pub(super) fn near_feature<'k>(typed: &str, known: &'k [Slug]) -> Option<&'k str> {
    let typed = typed.trim();
    let (number, name) = typed.split_once('-').unwrap_or((typed, typed));
    let slugs: Vec<&str> = known.iter().map(Slug::as_str).collect();
    let of_slug = |slug: &'k str| slug.split_once('-').map_or(slug, |(_, name)| name);
    let names: Vec<&str> = slugs.iter().map(|slug| of_slug(slug)).collect();
    let by_name = suggest::nearest(name, &names).and_then(|index| slugs.get(index).copied());
    let number = number.parse::<u16>().ok();
    let mut numbered = known
        .iter()
        .filter(|slug| number.is_some() && slug.number().parse().ok() == number);
    let by_number = match (numbered.next(), numbered.next()) {
        (Some(slug), None) => Some(slug.as_str()),
        _ => None,
    };
    near(typed, &slugs).or(by_name).or(by_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_found_by_its_slug_its_name_or_its_number() {
        let known = ["003-login", "004-widgets", "028-sync", "028-sync-again"];
        let known: Vec<Slug> = known
            .iter()
            .filter_map(|slug| Slug::parse(slug).ok())
            .collect();
        for (typed, meant) in [
            ("004-wdigets", Some("004-widgets")),
            ("005-widgets", Some("004-widgets")),
            ("Widgets", Some("004-widgets")),
            ("4", Some("004-widgets")),
            ("04-other", Some("004-widgets")),
            ("28", None),
            ("028-snyc", Some("028-sync")),
            ("Lunch!", None),
            ("", None),
        ] {
            assert_eq!(near_feature(typed, &known), meant, "{typed}");
        }
    }
}
