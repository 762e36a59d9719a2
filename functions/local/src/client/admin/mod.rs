//! The operator's client of an installation: one set of calls, answers and errors, whether the
//! admin API is elsewhere or over a data folder in this process.

mod answer;
mod folder;
mod remote;
mod signing;

use anyhow::Result;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use answer::Answer;
pub use folder::FolderAdmin;
pub use remote::RemoteAdmin;
pub use signing::is_function_url;

/// Calls the admin API. Paths are what follows `/admin/v1`.
pub enum Admin {
    Remote(RemoteAdmin),
    Folder(Box<FolderAdmin>),
}

/// Parameters of a query, as they are before they are encoded.
pub type AdminQuery<'a> = [(&'a str, &'a str)];

impl Admin {
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &AdminQuery<'_>) -> Result<T> {
        self.call(Method::GET, path, query, None).await
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        self.call(Method::POST, path, &[], Some(body)).await
    }

    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        self.call(Method::PUT, path, &[], Some(body)).await
    }

    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        self.call(Method::PATCH, path, &[], Some(body)).await
    }

    /// The answer is null where the API has nothing to say.
    pub async fn delete(&self, path: &str, query: &AdminQuery<'_>) -> Result<Value> {
        self.call(Method::DELETE, path, query, None).await
    }

    /// Any call. An answer without a body is null.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &AdminQuery<'_>,
        body: Option<&Value>,
    ) -> Result<T> {
        self.text(method, path, query, body)
            .await?
            .document(&self.place())
    }

    /// An answer that is no JSON, such as CSV.
    pub async fn get_text(&self, path: &str, query: &AdminQuery<'_>) -> Result<String> {
        let answer = self.text(Method::GET, path, query, None).await?;
        answer.text(&self.place())
    }

    /// True for an installation that is reached by its URL.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }

    async fn text(
        &self,
        method: Method,
        path: &str,
        query: &AdminQuery<'_>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let target = target(path, query);
        let body = body.map(Value::to_string);
        match self {
            Self::Remote(remote) => remote.call(method, &target, body).await,
            Self::Folder(folder) => folder.call(method, &target, body).await,
        }
    }

    /// For errors.
    fn place(&self) -> String {
        match self {
            Self::Remote(remote) => remote.base_url().to_owned(),
            Self::Folder(folder) => folder.path().display().to_string(),
        }
    }
}

/// The path and query of a request.
fn target(path: &str, query: &AdminQuery<'_>) -> String {
    let path = format!("/admin/v1{path}");
    if query.is_empty() {
        return path;
    }
    // A space is not '+': those who check signatures differ about it.
    let query = Serializer::new(String::new()).extend_pairs(query).finish();
    let query = query.replace('+', "%20");
    format!("{path}?{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded() {
        assert_eq!(target("/tenants", &[]), "/admin/v1/tenants");
        assert_eq!(
            target("/audit", &[("before", "a&b +"), ("limit", "1")]),
            "/admin/v1/audit?before=a%26b%20%2B&limit=1"
        );
    }
}
