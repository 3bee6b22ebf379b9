import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;

/** Reads topics and, through a repartition topic, what it made of them: BOOTSTRAP APPLICATION FOLDER THREADS TOPIC... */
public class StreamsApp {
    public static void main(String[] words) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", words[0]);
        settings.put("application.id", words[1]);
        settings.put("state.dir", words[2]);
        settings.put("num.stream.threads", words[3]);
        settings.put("group.protocol", "streams");
        settings.put("auto.offset.reset", "earliest");
        settings.put("commit.interval.ms", "100");
        settings.put("default.key.serde", Serdes.ByteArraySerde.class);
        settings.put("default.value.serde", Serdes.ByteArraySerde.class);
        List<String> topics = Arrays.asList(words).subList(4, words.length);
        StreamsBuilder builder = new StreamsBuilder();
        builder.<byte[], byte[]>stream(topics).selectKey((key, value) -> value).repartition().foreach((key, value) -> {});
        KafkaStreams app = new KafkaStreams(builder.build(), settings);
        Runtime.getRuntime().addShutdownHook(new Thread(app::close));
        app.start();
    }
}
