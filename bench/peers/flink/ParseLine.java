import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.CheckpointListener;

/** The first function of each job: the line of a number, parsed by Jackson's databind as Flink's own JSON format does. */
class ParseLine<Line> extends RichMapFunction<Long, Line> implements CheckpointListener {
  private final Class<Line> type;
  private transient ObjectReader reader;

  ParseLine(Class<Line> type) {
    this.type = type;
  }

  @Override
  public void open(OpenContext context) {
    // Fields that the job does not need become no objects.
    reader = JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build().readerFor(type);
  }

  @Override
  public Line map(Long number) throws IOException {
    if (number == 0) Span.begin();
    return InputLines.parse(reader, number.intValue());
  }

  @Override
  public void notifyCheckpointComplete(long checkpoint) {
    Span.checkpoints++;
  }
}
