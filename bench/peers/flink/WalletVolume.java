import java.math.BigInteger;
import java.time.Duration;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** `j1`: who sends more than 100,000 whole tokens in ten minutes, looked at every minute. */
class WalletVolume {
  private static final BigInteger LIMIT = BigInteger.TEN.pow(18 + 5);

  static DataStream<String> build(DataStream<Transfer> transfers) {
    return transfers
        .map(transfer -> Tuple2.of(transfer.from, transfer.value))
        .returns(Types.TUPLE(Types.STRING, Types.BIG_INT))
        .keyBy(sent -> sent.f0, Types.STRING)
        .window(SlidingEventTimeWindows.of(Duration.ofMinutes(10), Duration.ofMinutes(1)))
        .aggregate(new Sum(), new LargeVolume(), Types.BIG_INT, Types.STRING);
  }

  private static class Sum implements AggregateFunction<Tuple2<String, BigInteger>, BigInteger, BigInteger> {
    @Override
    public BigInteger createAccumulator() {
      return BigInteger.ZERO;
    }

    @Override
    public BigInteger add(Tuple2<String, BigInteger> sent, BigInteger sum) {
      return sum.add(sent.f1);
    }

    @Override
    public BigInteger getResult(BigInteger sum) {
      return sum;
    }

    @Override
    public BigInteger merge(BigInteger a, BigInteger b) {
      return a.add(b);
    }
  }

  private static class LargeVolume implements WindowFunction<BigInteger, String, String, TimeWindow> {
    @Override
    public void apply(String wallet, TimeWindow window, Iterable<BigInteger> sums, Collector<String> out) {
      for (BigInteger sum : sums) {
        if (sum.compareTo(LIMIT) <= 0) continue;
        out.collect("{\"wallet\":\"" + wallet + "\",\"start\":" + window.getStart() + ",\"end\":" + window.getEnd()
            + ",\"sum\":\"" + sum + "\"}");
      }
    }
  }
}
