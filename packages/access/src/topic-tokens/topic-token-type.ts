// The kind of a token for single topics, in its header (RFC 8725 §3.11).

/** No token of another kind adds topics, and none of this kind says who somebody is. */
export const topicTokenType = 'tidemark-topic+jwt'
