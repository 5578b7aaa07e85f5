//! Answers of far ends, read as far as they may go: nobody outside makes us hold more.

use reqwest::Response;

/// Why an answer was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The connection broke. Without the address, which may hold a token.
    #[error(transparent)]
    Broken(reqwest::Error),
    /// It is longer than this many bytes.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// The body, if it has at most so many bytes.
pub async fn read(mut answer: Response, most: usize) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| ReadError::Broken(error.without_url()))? {
        if bytes.len() + piece.len() > most {
            return Err(ReadError::TooLong(most));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: usize) -> Response {
        Response::from(http::Response::new(vec![b'x'; bytes]))
    }

    #[tokio::test]
    async fn an_answer_without_end_is_given_up() {
        assert_eq!(read(answer(100), 100).await.unwrap().len(), 100);
        assert!(matches!(read(answer(101), 100).await, Err(ReadError::TooLong(100))));
    }
}
