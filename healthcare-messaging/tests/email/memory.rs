use healthcare_messaging::{
    EmailFailure, EmailTransport, LogEmail, MemoryEmail,
    testing::{ReceivedEmail, email_contract, sample_address, sample_email},
};

#[tokio::test]
async fn memory_keeps_the_contract() {
    let memory = MemoryEmail::default();
    email_contract(&memory, async |to, _| {
        let sent = memory.sent().into_iter().filter(|email| email.to == *to);
        sent.map(|email| ReceivedEmail {
            id: email.id.to_string(),
            subject: email.text.subject().to_owned(),
            text: email.text.text().to_owned(),
        })
        .collect()
    })
    .await;
}

#[tokio::test]
async fn memory_fails_as_it_was_told_to() {
    let memory = MemoryEmail::default();
    memory.fail_next(EmailFailure::Unknown("sample"));
    let email = sample_email(sample_address());
    assert_eq!(memory.send(&email).await, Err(EmailFailure::Unknown("sample")));
    assert_eq!((memory.send(&email).await, memory.sent().len()), (Ok(()), 1));
}

#[tokio::test]
async fn where_no_server_is_set_everything_is_sent() {
    assert_eq!(LogEmail.send(&sample_email(sample_address())).await, Ok(()));
}
