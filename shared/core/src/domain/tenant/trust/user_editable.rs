//! Claims that users write themselves: whoever trusts one lets users choose their tenant.

use super::claim_path::ClaimPath;
use super::record::Trust;

/// Objects of a user's own data, wherever they are in a token. `user_metadata`: Supabase
/// (supabase.com/docs/guides/auth/users) and Auth0 (auth0.com/docs/manage-users/user-accounts/
/// metadata); `unsafe_metadata`: Clerk (clerk.com/docs/users/metadata).
const OBJECTS: [&str; 3] = ["usermetadata", "rawusermetadata", "unsafemetadata"];

/// Claims of the first level that tell who a user says he is. OpenID Connect Core 1.0, section 5.7,
/// forbids to go by them; Cognito lets users write all of them by default
/// (`WriteAttributes` of a user pool client), Firebase the name and the picture.
const PROFILE: [&str; 16] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "address",
];

impl Trust {
    /// The paths of this trust at which users can usually write.
    pub fn user_editable(&self) -> Vec<&ClaimPath> {
        let claim = self.claim.as_ref().map(|claim| &claim.path);
        let audience = (!self.audience.is_any()).then_some(&self.audience_claim);
        let scopes = self.scopes.as_ref().map(|scopes| &scopes.claim);
        let paths = [claim, audience, scopes].into_iter().flatten();
        paths.filter(|path| is_user_editable(path)).collect()
    }
}

fn is_user_editable(path: &ClaimPath) -> bool {
    let is_profile = |first: &String| PROFILE.contains(&first.to_lowercase().as_str());
    path.parts().first().is_some_and(is_profile) || path.parts().iter().any(|part| is_object(part))
}

/// In any writing, and in a namespace of its own: `userMetadata`,
/// `https://acme.example/user_metadata`.
fn is_object(part: &str) -> bool {
    part.split(['/', '.', ':']).any(|word| {
        let plain: String = word.chars().filter(|c| !matches!(c, '_' | '-')).collect();
        OBJECTS.contains(&plain.to_lowercase().as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_write_is_known_in_any_writing_and_what_they_do_not_is_not_meant() {
        for editable in [
            "/user_metadata/tenant_id",
            "user_metadata",
            "/unsafe_metadata/org",
            "/metadata/unsafeMetadata/org",
            "/raw_user_meta_data/x",
            "https://acme.example/user_metadata",
            "/https:~1~1acme.example~1user_metadata/org",
            "email",
            "/address/country",
        ] {
            assert!(
                is_user_editable(&ClaimPath::parse(editable).unwrap()),
                "{editable}"
            );
        }
        for given in [
            "/app_metadata/tenant_id",
            "org",
            "/o/id",
            "hd",
            "/public_metadata/name",
        ] {
            assert!(
                !is_user_editable(&ClaimPath::parse(given).unwrap()),
                "{given}"
            );
        }
    }
}
