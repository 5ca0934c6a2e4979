import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** `j2`: money that a young wallet sends on within a minute. */
class PassThrough {
  private static final long LONGEST_REST = Duration.ofSeconds(60).toMillis();
  private static final long LONGEST_AGE = Duration.ofHours(24).toMillis();
  private static final BigInteger NINE = BigInteger.valueOf(9);

  /** A transfer as one of its two wallets sees it: wallet, whether it sent it, when, how much. */
  private static final TypeInformation<Tuple4<String, Boolean, Long, BigInteger>> MOVEMENT =
      Types.TUPLE(Types.STRING, Types.BOOLEAN, Types.LONG, Types.BIG_INT);

  static DataStream<String> build(DataStream<Transfer> transfers, boolean inEventOrder) {
    return transfers
        .flatMap((Transfer transfer, Collector<Tuple4<String, Boolean, Long, BigInteger>> out) -> {
          out.collect(Tuple4.of(transfer.from, true, transfer.ts, transfer.value));
          out.collect(Tuple4.of(transfer.to, false, transfer.ts, transfer.value));
        })
        .returns(MOVEMENT)
        .keyBy(movement -> movement.f0, Types.STRING)
        .process(inEventOrder ? new InEventOrder() : new InArrivalOrder(), Types.STRING);
  }

  /** Flink's natural way: each movement as it comes. It answers alike where the input is in order of time. */
  private static class InArrivalOrder
      extends KeyedProcessFunction<String, Tuple4<String, Boolean, Long, BigInteger>, String> {
    private transient ValueState<Long> firstSeen;
    /** When, and how much. */
    private transient ValueState<Tuple2<Long, BigInteger>> receipt;

    @Override
    public void open(OpenContext context) {
      firstSeen = getRuntimeContext().getState(new ValueStateDescriptor<>("first-seen", Types.LONG));
      receipt = getRuntimeContext()
          .getState(new ValueStateDescriptor<>("receipt", Types.TUPLE(Types.LONG, Types.BIG_INT)));
    }

    @Override
    public void processElement(
        Tuple4<String, Boolean, Long, BigInteger> movement, Context context, Collector<String> out) throws Exception {
      move(movement.f1, movement.f2, movement.f3, context, out);
    }

    protected void move(boolean isSent, Long at, BigInteger value, Context context, Collector<String> out)
        throws Exception {
      Long seen = firstSeen.value();
      if (seen == null) firstSeen.update(seen = at);
      if (!isSent) {
        receipt.update(Tuple2.of(at, value));
        context.timerService().registerEventTimeTimer(at + LONGEST_REST);
        return;
      }
      Tuple2<Long, BigInteger> held = receipt.value();
      if (held == null || at - held.f0 > LONGEST_REST || at - seen > LONGEST_AGE) return;
      if (value.multiply(BigInteger.TEN).compareTo(held.f1.multiply(NINE)) < 0) return;
      out.collect("{\"wallet\":\"" + context.getCurrentKey() + "\",\"firstSeen\":" + seen + ",\"receivedAt\":" + held.f0
          + ",\"sentAt\":" + at + ",\"received\":\"" + held.f1 + "\",\"sent\":\"" + value + "\"}");
      receipt.clear();
    }

    @Override
    public void onTimer(long time, OnTimerContext context, Collector<String> out) throws Exception {
      Tuple2<Long, BigInteger> held = receipt.value();
      // A later receipt has a timer of its own.
      if (held != null && held.f0 + LONGEST_REST <= time) receipt.clear();
    }
  }

  /** As ours always is: what comes waits for the watermark, so that the answer is the same in whatever order it came. */
  private static class InEventOrder extends InArrivalOrder {
    /** By time: whether the wallet sent it, and how much, in the order in which they came. */
    private transient MapState<Long, List<Tuple2<Boolean, BigInteger>>> waiting;

    @Override
    public void open(OpenContext context) {
      super.open(context);
      waiting = getRuntimeContext().getMapState(new MapStateDescriptor<>(
          "waiting", Types.LONG, Types.LIST(Types.TUPLE(Types.BOOLEAN, Types.BIG_INT))));
    }

    @Override
    public void processElement(
        Tuple4<String, Boolean, Long, BigInteger> movement, Context context, Collector<String> out) throws Exception {
      List<Tuple2<Boolean, BigInteger>> sameTime = waiting.get(movement.f2);
      if (sameTime == null) sameTime = new ArrayList<>(1);
      sameTime.add(Tuple2.of(movement.f1, movement.f3));
      waiting.put(movement.f2, sameTime);
      context.timerService().registerEventTimeTimer(movement.f2);
    }

    @Override
    public void onTimer(long time, OnTimerContext context, Collector<String> out) throws Exception {
      List<Tuple2<Boolean, BigInteger>> due = waiting.get(time);
      if (due != null) {
        for (Tuple2<Boolean, BigInteger> movement : due) move(movement.f0, time, movement.f1, context, out);
        waiting.remove(time);
      }
      super.onTimer(time, context, out);
    }
  }
}
