import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;

/**
 * Of lines in order of time: all earlier times are complete, lines of the same time may follow. It says so whenever time
 * has gone on by 10 s, so about once a block. Flink's own generators go by the machine's clock, every 200 ms: then an
 * interval join keeps and searches half an hour of prices, and how many depends on what else the machine does.
 */
class InOrder<Line> implements WatermarkGenerator<Line> {
  private static final long STEP_MS = 10_000;

  private long next = Long.MIN_VALUE;

  @Override
  public void onEvent(Line line, long time, WatermarkOutput output) {
    if (time < next) return;
    output.emitWatermark(new Watermark(time - 1));
    next = time + STEP_MS;
  }

  @Override
  public void onPeriodicEmit(WatermarkOutput output) {}
}
