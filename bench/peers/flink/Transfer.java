import java.math.BigInteger;

/** What the jobs need of a line of transfers. */
public class Transfer {
  public long ts;
  public String from;
  public String to;
  public BigInteger value;
}
