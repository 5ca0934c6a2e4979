/** A line of the market: a trade if it says so, else a tick. */
public class Quote {
  public String kind;
  public long ts;
  public String token;
  /** Of a trade. */
  public String tx;
  /** Decimal string with 8 decimals. */
  public String price;
}
