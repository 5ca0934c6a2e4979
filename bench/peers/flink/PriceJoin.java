import java.time.Duration;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.functions.co.ProcessJoinFunction;
import org.apache.flink.util.Collector;

/** `j3`: trades more than 5 % away from a tick that came at most 10 s before or after. */
class PriceJoin {
  private static final Duration REACH = Duration.ofSeconds(10);

  static DataStream<String> build(DataStream<Quote> quotes) {
    return pricesOf(quotes.filter(quote -> quote.kind.equals("trade")))
        .intervalJoin(pricesOf(quotes.filter(quote -> !quote.kind.equals("trade"))))
        .between(REACH.negated(), REACH)
        .process(new FarApart(), Types.STRING);
  }

  /** Token, time, transaction (of a trade), price in units of 10^-8: a whole number below 2^53. */
  private static KeyedStream<Tuple4<String, Long, String, Long>, String> pricesOf(DataStream<Quote> quotes) {
    return quotes
        .map(quote -> Tuple4.of(quote.token, quote.ts, quote.tx, Long.parseLong(quote.price.replace(".", ""))))
        .returns(Types.TUPLE(Types.STRING, Types.LONG, Types.STRING, Types.LONG))
        .keyBy(price -> price.f0, Types.STRING);
  }

  private static class FarApart extends
      ProcessJoinFunction<Tuple4<String, Long, String, Long>, Tuple4<String, Long, String, Long>, String> {
    @Override
    public void processElement(
        Tuple4<String, Long, String, Long> trade,
        Tuple4<String, Long, String, Long> tick,
        Context context,
        Collector<String> out) {
      if (Math.abs(trade.f3 - tick.f3) * 20 <= tick.f3) return;
      out.collect("{\"token\":\"" + trade.f0 + "\",\"tradeTs\":" + trade.f1 + ",\"tx\":\"" + trade.f2 + "\",\"price\":"
          + trade.f3 + ",\"tickTs\":" + tick.f1 + ",\"tick\":" + tick.f3 + "}");
    }
  }
}
