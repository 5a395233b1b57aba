/** What came over the wire, or out of a client: tests look into it as it is, and judge what they find. */
// oxlint-disable-next-line typescript/no-explicit-any -- the one place that says so for all tests
export type WireBody = any;
